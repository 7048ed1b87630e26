"""Events to stream records: grouped by lane, aggregated, numbered, with ticks between them.

Pure and deterministic: the same events, producer and settings give the same records byte for byte, so that a file
sent twice is told by producer and number.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cellwave.contracts.stream import encode_record
from cellwave.domain.identifiers import LANES, lane_of, partition_of
from cellwave.domain.signalling import LATE_AFTER_MS, Event

MAX_EVENTS_A_RECORD: Final = 500
MAX_SPAN_MS: Final = LATE_AFTER_MS
MIN_TICK_MS: Final = 15 * 60_000
TICK_LAG_MS: Final = LATE_AFTER_MS


@lru_cache(maxsize=1 << 16)
def _lane_of(sub: str) -> int:
    return lane_of(partition_of(sub))


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """One record to send: `clock` in stream ms, `events` in it (0 in a tick)."""

    lane: int
    clock: int
    events: int
    data: bytes = field(repr=False)


@dataclass(slots=True)
class _Pending:
    """What waits in a lane to be sent: events in their order, and the span of their times."""

    events: list[Event] = field(default_factory=list)
    least: int = 0
    greatest: int = 0

    def admits(self, ts: int) -> bool:
        """Tell whether an event may join: room is left, and nothing would be late by the record's own clock."""
        if not self.events:
            return True
        span = max(self.greatest, ts) - min(self.least, ts)
        return len(self.events) < MAX_EVENTS_A_RECORD and span <= MAX_SPAN_MS

    def add(self, event: Event) -> None:
        """Take the event in."""
        self.least = min(self.least, event.ts) if self.events else event.ts
        self.greatest = max(self.greatest, event.ts) if self.events else event.ts
        self.events.append(event)


class Producer:
    """Makes a producer's records.

    An event waits for company in its lane until 500 are together, the record would span more than 10 minutes of
    event time, or stream time (the greatest `ts` so far) has moved on by `linger_ms` since the oldest of them. A
    tick goes to all lanes when stream time has moved on by `tick_ms` since the last one. It says 10 minutes less
    than the greatest `ts`, as much disorder being no lateness, and follows every event up to that time. The last
    tick, at the end, says the greatest `ts`.
    """

    def __init__(self, name: str, linger_ms: int = MAX_SPAN_MS, tick_ms: int = MIN_TICK_MS):
        self.name = name
        self.records = 0
        self.ticks = 0
        self.record_bytes = 0
        self.tick_bytes = 0
        self._linger = min(linger_ms, MAX_SPAN_MS)
        self._tick = tick_ms
        self._pending = [_Pending() for _ in range(LANES)]
        self._numbers = [0] * LANES
        self._greatest = 0
        self._ticked = 0
        self._swept = 0

    def records_of(self, events: Iterable[Event]) -> Iterator[OutgoingRecord]:
        """Yield the records in the order in which they must reach each lane."""
        for event in events:
            yield from self._admit(event)
            if event.ts > self._greatest:
                yield from self._move_on(event.ts)
        yield from self._flush(self._greatest)
        if self._greatest:
            yield from self._tick_all(self._greatest)

    def _admit(self, event: Event) -> Iterator[OutgoingRecord]:
        lane = _lane_of(event.sub)
        pending = self._pending[lane]
        if not pending.admits(event.ts):
            yield self._record(lane)
        self._pending[lane].add(event)

    def _move_on(self, ts: int) -> Iterator[OutgoingRecord]:
        """Let stream time reach `ts`: send what has waited long enough, and a tick if one is due."""
        if not self._greatest:
            self._ticked = self._swept = ts
        self._greatest = ts
        if ts - self._swept >= self._linger // 8:
            self._swept = ts
            yield from self._flush(ts - self._linger)
        if ts - self._ticked >= self._tick:
            self._ticked = ts
            yield from self._flush(ts - TICK_LAG_MS)
            yield from self._tick_all(ts - TICK_LAG_MS)

    def _flush(self, oldest: int) -> Iterator[OutgoingRecord]:
        """Send what waits in the lanes that hold an event of `oldest` or before."""
        for lane, pending in enumerate(self._pending):
            if pending.events and pending.least <= oldest:
                yield self._record(lane)

    def _record(self, lane: int) -> OutgoingRecord:
        pending, self._pending[lane] = self._pending[lane], _Pending()
        self.records += 1
        record = self._numbered(lane, pending.greatest, pending.events)
        self.record_bytes += len(record.data)
        return record

    def _tick_all(self, clock: int) -> Iterator[OutgoingRecord]:
        for lane in range(LANES):
            self.ticks += 1
            tick = self._numbered(lane, clock, [])
            self.tick_bytes += len(tick.data)
            yield tick

    def _numbered(self, lane: int, clock: int, events: list[Event]) -> OutgoingRecord:
        self._numbers[lane] += 1
        data = encode_record(self.name, self._numbers[lane], lane, clock, not events, events)
        return OutgoingRecord(lane, clock, len(events), data)
