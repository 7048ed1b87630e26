"""Events as JSON lines, the file form: one object a line, plain, gzipped or zstd-compressed."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import msgspec
import zstandard

from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.signalling import EVENT_TYPES, SIGHTING, Event, EventType

MAX_LINE: Final = 1_048_576
MAX_TS: Final = 10**14
_CHUNK: Final = 16_384
_ZSTD_WINDOW: Final = 2**27
_BOM: Final = b"\xef\xbb\xbf"
_TOO_LONG: Final = b"\0too long\0"


class EventLine(msgspec.Struct, frozen=True, gc=False):
    """One event of a file; further fields are allowed and left alone. `ts` is in ms since the epoch.

    A null cell is no cell.
    """

    sub: Annotated[str, msgspec.Meta(min_length=1)]
    ts: Annotated[int, msgspec.Meta(gt=0, lt=MAX_TS)]
    type: EventType
    cell: str | None = None


_decode: Final = msgspec.json.Decoder(EventLine).decode
_decode_any: Final = msgspec.json.Decoder(Any).decode


def read_events(file: Path, on_bad: Callable[[Problem], None]) -> Iterator[Event]:
    """Yield the events of a `.jsonl`, `.jsonl.gz` or `.jsonl.zst` file, in order; empty lines are passed over.

    A line that is no event goes to `on_bad` as a problem with its line number, never showing the subscriber, and
    reading goes on. Raises DocumentError when the file itself cannot be read (to its end).
    """
    source = str(file)
    for number, line in enumerate(_lines(file), start=1):
        try:
            event = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if line.strip():
                on_bad(_diagnose(line, source, number))
            continue
        if event.type == SIGHTING and not event.cell:
            on_bad(Problem(source, "$.cell", "a sighting without a cell", "give the cell", number))
            continue
        yield Event(event.sub, event.ts, event.type, event.cell or "")


def _lines(file: Path) -> Iterator[bytes]:
    """Yield the lines without their ends; of a line longer than `MAX_LINE` a stump that says so."""
    rest = b""
    at_start = True
    for chunk in _chunks(file):
        block = rest + chunk
        if at_start:
            at_start = len(block) < len(_BOM)
            block = block.removeprefix(_BOM)
        *whole, rest = block.split(b"\n")
        yield from whole
        if len(rest) > MAX_LINE:
            rest = _TOO_LONG
    if rest:
        yield rest


def _chunks(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as raw:
            if file.name.endswith(".gz"):
                with gzip.open(raw) as unpacked:
                    yield from iter(lambda: unpacked.read(_CHUNK), b"")
            elif file.name.endswith(".zst"):
                yield from _unpack_zstd(raw)
            else:
                yield from iter(lambda: raw.read(_CHUNK), b"")
    except (gzip.BadGzipFile, EOFError, zlib.error, zstandard.ZstdError) as error:
        problem = Problem(str(file), "", f"broken archive: {error}", "compress the file again")
        raise DocumentError([problem]) from error
    except OSError as error:
        problem = Problem(str(file), "", f"cannot be read: {error.strerror}", "check the path and its permissions")
        raise DocumentError([problem]) from error


def _unpack_zstd(raw: BinaryIO) -> Iterator[bytes]:
    """Unpack frame after frame. zstandard's own reader takes a frame cut short for the end of the file."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = unpacker.decompressobj()
    is_inside = False
    while packed := raw.read(_CHUNK):
        while packed:
            is_inside = True
            yield frame.decompress(packed)
            packed = b""
            if frame.eof:
                packed, is_inside, frame = frame.unused_data, False, unpacker.decompressobj()
    if is_inside:
        raise EOFError("it ends before its last frame does")


def _diagnose(line: bytes, source: str, number: int) -> Problem:
    """Say what is wrong with a line that was refused: the first thing, in the order of the fields."""
    if line.startswith(_TOO_LONG):
        return Problem(source, "", f"a line longer than {MAX_LINE} bytes", "one event a line", number)
    try:
        value = _decode_any(line)
    except UnicodeDecodeError:
        return Problem(source, "", "not UTF-8", "write the file as UTF-8", number)
    except RecursionError:
        return Problem(source, "", "nested too deeply", "an event is a flat object", number)
    except msgspec.DecodeError as error:
        return Problem(source, "", f"not JSON: {error}", "one JSON object a line", number)
    if not isinstance(value, dict):
        return Problem(source, "$", "expected an object", 'write {"sub": ..., "ts": ..., "type": ...}', number)
    field, reason, mend = _first_fault(value)
    return Problem(source, f"$.{field}", reason, mend, number)


def _first_fault(event: dict[str, Any]) -> tuple[str, str, str]:
    for field in ("sub", "ts", "type"):
        if field not in event:
            return field, f'"{field}" is missing', f'add "{field}"'
    sub, ts, kind = event["sub"], event["ts"], event["type"]
    if not isinstance(sub, str) or not sub:
        return "sub", "expected the subscriber as text, not empty", "put it in double quotes"
    if type(ts) is not int:
        return "ts", "expected a whole number of milliseconds", "write ms since 1970 without quotes or point"
    if not 0 < ts < MAX_TS:
        return "ts", f"expected ms since 1970, above 0 and below {MAX_TS}", "convert the time to ms"
    if not isinstance(kind, str) or kind not in EVENT_TYPES:
        close = get_close_matches(str(kind)[:40], sorted(EVENT_TYPES), n=1)
        mend = f'did you mean "{close[0]}"?' if close else "use one of " + ", ".join(sorted(EVENT_TYPES))
        return "type", "unknown event type", mend
    return "cell", "expected the cell as text", "put it in double quotes, or leave it out"
