"""Canonical JSON lines: one event a line, `{"sub", "ts", "type", "cell"?, "imei"?, "plmn"?, …}`."""

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

import msgspec

from cellwave.contracts.outline import own_words
from cellwave.domain.errors import Problem
from cellwave.domain.identifiers import canonical_msisdn, is_pseudonym
from cellwave.domain.signalling import EVENT_TYPES, SIGHTING, EventType
from cellwave_ops.sources.events import Quarantine, SourceEvent, Tally
from cellwave_ops.sources.lines import MAX_LINE, Lines

_RECENT: Final = 4_096
_LAST_MS: Final = 253_402_300_799_999


_Short = Annotated[str, msgspec.Meta(max_length=16)]

_MENDS: Final = {
    "sub": "give an E.164 number with its country code, or a pseudonym, as text",
    "ts": "give ts as whole milliseconds since the epoch, greater than 0",
    "type": "give one of " + ", ".join(sorted(EVENT_TYPES)),
    "cell": "give the cell as text of at most 64 characters, CGI, ECGI or NCGI",
    "imei": "give the IMEI as text of 14 to 16 digits",
    "plmn": "give MCC and MNC as text, such as 27203",
    "tac": "give the IMEI's first 8 digits as text",
    "device": "give the keyed hash as text",
}


class _Line(msgspec.Struct):
    sub: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    ts: Annotated[int, msgspec.Meta(gt=0, le=_LAST_MS)]
    type: EventType
    cell: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    imei: Annotated[str, msgspec.Meta(max_length=24)] | None = None
    plmn: _Short | None = None
    tac: _Short | None = None
    device: _Short | None = None


_decoder = msgspec.json.Decoder(_Line)


class _MalformedError(Exception):
    """A line that is no event; bears path, reason and mend."""

    def __init__(self, path: str, reason: str, mend: str):
        super().__init__(path, reason, mend)
        self.path, self.reason, self.mend = path, reason, mend


class JsonLines:
    """Reads canonical events in the file's order, normalising numbers; pseudonyms are kept as they are.

    Malformed lines go to the quarantine and are never fatal; blank lines are skipped. Fates: `event`, `malformed`,
    `blank`. Notes: `out_of_order` (behind the greatest `ts` so far) and `repeated` (equal to one of the 4,096
    lines before it); both are handed on, for the matcher knows what to do with them. Raises DocumentError where
    the file cannot be opened.
    """

    def __init__(self, path: Path, quarantine: Quarantine):
        self.tally = Tally()
        self.lines = Lines(path)
        self._quarantine = quarantine

    def __iter__(self) -> Iterator[SourceEvent]:
        greatest = 0
        recent = _Recent(_RECENT)
        for number, line in self.lines:
            if not line.strip():
                self.tally.row("blank")
                continue
            try:
                event = _parsed(line)
            except _MalformedError as error:
                self.tally.row("malformed")
                self._set_aside(number, error, line)
                continue
            self.tally.row("event")
            self.tally.notes["out_of_order"] += event.ts < greatest
            self.tally.notes["repeated"] += recent.holds(line)
            greatest = max(greatest, event.ts)
            yield event
        if self.lines.damage:
            damage = _MalformedError("", f"the archive is damaged: {self.lines.damage}", "pack or copy it again")
            self._set_aside(self.tally.rows + 1, damage, b"")
            self.tally.notes["damaged_archive"] += 1

    def _set_aside(self, number: int, error: _MalformedError, line: bytes) -> None:
        problem = Problem(self.lines.path.name, error.path, error.reason, error.mend, number)
        self._quarantine.add(problem, line)


class _Recent:
    """The hashes of the latest lines, a bounded number of them."""

    def __init__(self, size: int):
        self._order: deque[int] = deque()
        self._known: set[int] = set()
        self._size = size

    def holds(self, line: bytes) -> bool:
        """Tell whether the line is one of the latest, and make it one."""
        key = hash(line)
        if key in self._known:
            return True
        self._known.add(key)
        self._order.append(key)
        if len(self._order) > self._size:
            self._known.discard(self._order.popleft())
        return False


def _parsed(line: bytes) -> SourceEvent:
    if len(line) > MAX_LINE:
        raise _MalformedError("", f"longer than {MAX_LINE:,} bytes", "give one event a line")
    try:
        raw = _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise _explained(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _MalformedError("", f"not JSON: {own_words(error)}", "give one JSON object a line") from None
    try:
        who = _canonical(raw.sub)
    except ValueError as error:
        raise _MalformedError("$.sub", str(error), _MENDS["sub"]) from None
    if raw.type == SIGHTING and not raw.cell:
        raise _MalformedError("$.cell", "a sighting without a cell", "give the serving cell")
    return SourceEvent(
        who,
        raw.ts,
        raw.type,
        raw.cell or "",
        raw.imei or "",
        raw.plmn or "",
        raw.tac or "",
        raw.device or "",
    )


@lru_cache(maxsize=1 << 16)
def _canonical(sub: str) -> str:
    return sub if is_pseudonym(sub) else canonical_msisdn(sub)


def _explained(error: msgspec.ValidationError) -> _MalformedError:
    """Return a decoder's complaint with the field's mend; the value itself may be personal and is left out."""
    _, _, place = str(error).partition(" - at `")
    reason = own_words(error)
    path = place.rstrip("`")
    if "missing required field" in reason:
        path = "$." + reason.rsplit("`", 2)[1]
    mend = _MENDS.get(path.removeprefix("$."), "give one JSON object a line, with sub, ts and type")
    return _MalformedError(path or "$", reason, mend)
