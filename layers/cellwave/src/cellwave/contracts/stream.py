"""The wire form of signalling on the stream: aggregated records and one-event records.

Decoding never raises. What cannot be read is handed on as `Rejected`, with a reason, a mend and the outline of
its content; a bad event inside a record leaves its neighbours alone. msgspec and zstandard only: the matcher
starts with this module.
"""

import re
import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Final

import msgspec
import zstandard

from cellwave.contracts.outline import outline, own_words
from cellwave.domain.identifiers import LANES, is_pseudonym, lane_of, partition_of
from cellwave.domain.signalling import EVENT_TYPES, SIGHTING, Event, EventType, Record, Rejected

MAX_DECOMPRESSED: Final = 8 * 1024 * 1024
MAX_EVENTS: Final = 5_000
MAX_NESTING: Final = 4
MAX_ONE_EVENT: Final = 16 * 1024

_AGGREGATED: Final = b"\x01"
_LEVEL: Final = 3
_LAST_MS: Final = 253_402_300_799_999  # the end of the year 9999: later times have no calendar date
_UNKNOWN_LANE: Final = -1

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLACE = re.compile(r" - at `\$(?:\[(\d+)\]|\.(\w+))?.*`$")

_Ms = Annotated[int, msgspec.Meta(gt=0, le=_LAST_MS)]
_Pseudonym = Annotated[str, msgspec.Meta(min_length=25, max_length=25)]
_Cell = Annotated[str, msgspec.Meta(max_length=64)]
_Short = Annotated[str, msgspec.Meta(max_length=16)]

_MENDS: Final = {
    "sub": "sub is not a pseudonym: send numbers through `cellwave replay`, which makes pseudonyms of them",
    "ts": "give ts as whole milliseconds since the epoch, greater than 0",
    "type": "give one of " + ", ".join(sorted(EVENT_TYPES)),
    "cell": "give the cell as text of at most 64 characters, CGI, ECGI or NCGI",
    "tac": "give the IMEI's first 8 digits as text",
    "device": "give the keyed hash of the IMEI as text of at most 16 characters",
    "plmn": "give MCC and MNC as text of digits",
    "clock": "give the producer's stream time as whole milliseconds since the epoch",
    "lane": f"give the lane of its subscribers, 0 to {LANES - 1}",
    "number": "number the records of a producer in a lane 1, 2, 3, …",
    "producer": "name the producer in at most 64 characters",
    "events": f"give a list of at most {MAX_EVENTS:,} events",
}
_EVENT_FIELDS: Final = ("sub", "ts", "type", "cell", "tac", "device", "plmn")
_TOO_LARGE: Final = f"more than {MAX_DECOMPRESSED:,} bytes when decompressed (send smaller records)"
_TOO_DEEP: Final = f"nested deeper than {MAX_NESTING} (send flat events)"
_NO_CELL: Final = "a sighting without a cell (give the serving cell)"
_WRONG_LANE: Final = (
    "sub is of another lane than its record, so order could not be kept (put it into a record of its lane)"
)


class _Event(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    sub: _Pseudonym
    ts: _Ms
    type: EventType
    cell: _Cell = ""
    tac: _Short = ""
    device: _Short = ""
    plmn: _Short = ""


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    lane: Annotated[int, msgspec.Meta(ge=0, lt=LANES)]
    producer: Annotated[str, msgspec.Meta(max_length=64)] = ""
    number: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] = 0
    clock: _Ms | None = None
    tick: bool = False


class _Fast(_Envelope, forbid_unknown_fields=True):
    events: Annotated[list[_Event], msgspec.Meta(max_length=MAX_EVENTS)] = []


class _Careful(_Envelope, forbid_unknown_fields=True):
    events: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_EVENTS)] = []


class _OneEvent(msgspec.Struct):
    sub: _Pseudonym
    ts: _Ms
    type: EventType
    cell: _Cell | None = None
    clock: _Ms | None = None


_fast = msgspec.json.Decoder(_Fast)
_careful = msgspec.json.Decoder(_Careful)
_event = msgspec.json.Decoder(_Event)
_one_event = msgspec.json.Decoder(_OneEvent)
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _UnusableError(Exception):
    """The whole record cannot be used; bears the reason."""


class _Compressor(threading.local):
    """A zstd context a thread: building one costs more than compressing a record, sharing one is not safe."""

    def __init__(self) -> None:
        self.zstd = zstandard.ZstdCompressor(level=_LEVEL)


_compressor = _Compressor()


def encode_record(
    producer: str, number: int, lane: int, clock: int, tick: bool = False, events: Iterable[Event] = ()
) -> bytes:
    """Return the data of one aggregated record; the caller keeps to one lane and to the bounds."""
    document = {
        "producer": producer,
        "number": number,
        "lane": lane,
        "clock": clock,
        "tick": tick,
        "events": [_fields(event) for event in events],
    }
    return _AGGREGATED + _compressor.zstd.compress(msgspec.json.encode(document))


def decode_record(data: bytes, position: int) -> Record:
    """Return what a stream record of either form carries; never raises.

    A record that cannot be used has lane -1 (unknown) and one `Rejected` of index -1; an event that cannot be
    used is `rejected` with its index, and the others stand. `position` is the stream's sequence number.
    """
    try:
        if data[:1] == _AGGREGATED:
            return _aggregated(_unpacked(data[1:]), position)
        if data[:1] == b"{":
            return _single(data, position)
        raise _UnusableError("neither an aggregated record nor a JSON object (send byte 0x01 and zstd, or an object)")
    except _UnusableError as error:
        return Record(position, _UNKNOWN_LANE, rejected=(Rejected(-1, str(error), outline(data)),))


def unnumbered(data: bytes) -> bytes:
    """Return a record's data without producer and number, so that no lane takes it for one heard before."""
    if data[:1] != _AGGREGATED:
        return data
    try:
        document = _parts.decode(_unpacked(data[1:]))
    except (*_UNREADABLE, _UnusableError):
        return data
    kept = {name: part for name, part in document.items() if name not in ("producer", "number")}
    return _AGGREGATED + _compressor.zstd.compress(msgspec.json.encode(kept))


@lru_cache(maxsize=1 << 16)
def _lane_of(sub: str) -> int:
    """Return the lane of a pseudonym, -1 where it is none; a subscriber speaks more than once."""
    return lane_of(partition_of(sub)) if is_pseudonym(sub) else _UNKNOWN_LANE


def _fields(event: Event) -> list[str | int]:
    fields: list[str | int] = [
        event.sub,
        event.ts,
        event.type,
        event.cell,
        event.tac,
        event.device,
        event.plmn,
    ]
    while not fields[-1]:
        fields.pop()
    return fields


def _unpacked(frame: bytes) -> bytes:
    try:
        # A header's own size is allocated at once, whatever max_output_size says: look at it first.
        if zstandard.frame_content_size(frame) > MAX_DECOMPRESSED:
            raise _UnusableError(_TOO_LARGE)
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_DECOMPRESSED)
        return unpacker.decompress(frame, max_output_size=MAX_DECOMPRESSED, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise _UnusableError(f"not one zstd frame of at most {MAX_DECOMPRESSED:,} bytes: {error}") from None


def _aggregated(document: bytes, position: int) -> Record:
    try:
        record = _fast.decode(document)
    except _UNREADABLE:
        return _event_by_event(document, position)
    _check(record, len(record.events))
    lane = record.lane
    events: list[Event] = []
    for e in record.events:
        if _lane_of(e.sub) != lane or (e.type == SIGHTING and not e.cell):
            return _event_by_event(document, position)
        events.append(Event(e.sub, e.ts, e.type, e.cell, e.tac, e.device, e.plmn))
    return Record(position, lane, record.producer, record.number, record.clock, record.tick, tuple(events))


def _event_by_event(document: bytes, position: int) -> Record:
    try:
        record = _careful.decode(document)
    except _UNREADABLE as error:
        raise _UnusableError(_explained(error, ())) from None
    _check(record, len(record.events))
    events: list[Event] = []
    rejected: list[Rejected] = []
    for index, raw in enumerate(record.events):
        content = bytes(raw)
        try:
            e = _event.decode(content)
            reason = _objection(e, record.lane)
        except _UNREADABLE as error:
            reason = _explained(error, _EVENT_FIELDS)
        if reason:
            rejected.append(Rejected(index, reason, outline(content, _EVENT_FIELDS)))
        else:
            events.append(Event(e.sub, e.ts, e.type, e.cell, e.tac, e.device, e.plmn))
    return Record(
        position,
        record.lane,
        record.producer,
        record.number,
        record.clock,
        record.tick,
        tuple(events),
        tuple(rejected),
    )


def _single(data: bytes, position: int) -> Record:
    if len(data) > MAX_ONE_EVENT:
        raise _UnusableError(f"more than {MAX_ONE_EVENT:,} bytes for one event (send what the format names, no more)")
    _check_nesting(data)
    try:
        e = _one_event.decode(data)
    except _UNREADABLE as error:
        raise _UnusableError(_explained(error, ())) from None
    lane = _lane_of(e.sub)
    if reason := _objection(e, lane):
        raise _UnusableError(reason)
    return Record(position, lane, clock=e.clock, events=(Event(e.sub, e.ts, e.type, e.cell or ""),))


def _check(record: _Envelope, events: int) -> None:
    if record.tick and record.clock is None:
        raise _UnusableError("a tick without a clock (give the stream time that the lane has reached)")
    if record.tick and events:
        raise _UnusableError("a tick with events (send the events in a record of their own, before it)")
    if record.producer and not record.number:
        raise _UnusableError(f"a producer without a number ({_MENDS['number']})")


def _check_nesting(document: bytes) -> None:
    """Refuse deep nesting in fields that are not read; an aggregated record has no such fields."""
    if document.count(b"[") + document.count(b"{") <= MAX_NESTING:
        return
    depth = 0
    for bracket in re.findall(rb"[\[\]{}]", _STRING.sub(b"", document)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_NESTING:
            raise _UnusableError(_TOO_DEEP)


def _objection(event: _Event | _OneEvent, lane: int) -> str:
    """Say what the types cannot: why this event cannot be used in this lane; empty where it can."""
    own = _lane_of(event.sub)
    if own == _UNKNOWN_LANE:
        return _MENDS["sub"]
    if own != lane:
        return _WRONG_LANE
    return _NO_CELL if event.type == SIGHTING and not event.cell else ""


def _explained(error: Exception, fields: Sequence[str]) -> str:
    """Return a decoder's complaint as reason and mend, by the field's name rather than its place."""
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    text = str(error)
    place = _PLACE.search(text)
    name = ""
    if place and place[1] and int(place[1]) < len(fields):
        name = fields[int(place[1])]
    elif place and place[2]:
        name = place[2]
    missing = re.search(r"missing required field `(\w+)`", text)
    name = missing[1] if missing else name
    if name == "sub":
        return _MENDS["sub"]
    reason = own_words(error)
    return f"{name}: {reason} ({_MENDS[name]})" if name in _MENDS else f"{reason} (send the form that `replay` sends)"
