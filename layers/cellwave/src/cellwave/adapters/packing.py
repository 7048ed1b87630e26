"""Identifiers as bytes: base64url without padding, of which one text only stands for each bytes."""

import base64
from typing import Final

PSEUDONYM: Final = 16
KEY_ID: Final = 2


def unpack(text: str, size: int) -> bytes:
    """Return the bytes of a text. Raises ValueError for another size and for a text that `pack` would not write."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != size or pack(raw) != text:
        raise ValueError(f"not the base64url of {size} bytes")
    return raw


def pack(raw: bytes) -> str:
    """Return the text of bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unpack_pseudonym(sub: str) -> tuple[str, bytes]:
    """Return a pseudonym's key id and its 16 bytes. Raises ValueError."""
    key_id, dash, text = sub[:KEY_ID], sub[KEY_ID : KEY_ID + 1], sub[KEY_ID + 1 :]
    if dash != "-":
        raise ValueError("not a pseudonym")
    return key_id, unpack(text, PSEUDONYM)


def pack_pseudonym(key_id: str, raw: bytes) -> str:
    """Return the pseudonym of a key id and 16 bytes."""
    return f"{key_id}-{pack(raw)}"
