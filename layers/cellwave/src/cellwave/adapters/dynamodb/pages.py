"""A page's body: msgpack, compressed where that pays."""

from typing import Final

import msgspec
import zstandard

from cellwave.domain.pages import Page

_PLAIN: Final = b"\x00"
_ZSTD: Final = b"\x01"
_COMPRESS_OVER: Final = 1024  # bytes: DynamoDB bills writes by the KB
_MAX_PLAIN: Final = 16 * 1024 * 1024


def encode_page(page: Page) -> bytes:
    """Return positions and subscribers as bytes; the page's number and version are kept beside them."""
    # Stream positions have up to 56 digits, more than an integer of msgpack.
    positions = {shard: str(position) for shard, position in page.positions.items()}
    body = msgspec.msgpack.encode((positions, page.subscribers))
    if len(body) <= _COMPRESS_OVER:
        return _PLAIN + body
    return _ZSTD + zstandard.ZstdCompressor().compress(body)


def decode_page(partition: int, version: int, data: bytes) -> Page:
    """Return the page that `encode_page` wrote."""
    body = data[1:]
    if data[:1] == _ZSTD:
        body = zstandard.ZstdDecompressor().decompress(body, max_output_size=_MAX_PLAIN)
    positions, subscribers = msgspec.msgpack.decode(body)
    return Page(partition, version, {shard: int(text) for shard, text in positions.items()}, subscribers)
