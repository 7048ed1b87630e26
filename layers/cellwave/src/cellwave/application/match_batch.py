"""One batch of stream records being matched: reads what it needs, decides, writes nothing.

Most events touch nothing: one that is no sighting, or of a subscriber on no list, costs a look-up. For the others
the pages of their partitions are read once a batch. What a page holds already is skipped by its position; what a
lane holds already is skipped whole, and counted once.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cellwave.domain.campaign import Match
from cellwave.domain.engine import Step, SubscriberState, advance, fire_due, gate, pending_dues
from cellwave.domain.identifiers import PARTITIONS_A_LANE, partition_of
from cellwave.domain.pages import DueMark, Lane, Page
from cellwave.domain.rules import Rules
from cellwave.domain.ruleset import Ruleset
from cellwave.domain.signalling import POWER_OFF, WINDOW_MS, Event, Record, Rejected, timeliness
from cellwave.ports.people import TargetLists
from cellwave.ports.state import StateStore

MINUTE_MS: Final = 60_000
LOOK_AHEAD: Final = 60
"""Minutes of stream time for which a look at a lane's due marks is good."""
TIDY_EVERY: Final = 64
"""Writes of a page from one tidying to the next."""
_AHEAD: Final = "the event's ts is more than 60 s ahead of its record's clock: check the producer's clock"


@dataclass(slots=True)
class Batch:
    """One batch being worked off: nothing is written from here."""

    shard: str
    rules: Rules
    ruleset: Ruleset
    target_lists: TargetLists
    state: StateStore
    lanes: dict[int, Lane] = field(default_factory=dict)
    pages: dict[int, Page] = field(default_factory=dict)
    states: dict[int, dict[str, SubscriberState]] = field(default_factory=lambda: defaultdict(dict))
    touched: set[int] = field(default_factory=set)
    changed: dict[int, int] = field(default_factory=dict)
    marks: dict[int, dict[int, set[int]]] = field(default_factory=dict)
    due: dict[int, list[DueMark]] = field(default_factory=dict)
    looked: dict[int, int] = field(default_factory=dict)
    swept: dict[int, list[DueMark]] = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)
    rejected: list[tuple[str, bytes]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _members: dict[tuple[str, str], bool] = field(default_factory=dict)

    def take(self, records: Sequence[Record]) -> None:
        """Work off the records in their order."""
        self.lanes = self.state.load_lanes({record.lane for record in records if record.lane >= 0})
        fresh = [record for record in records if self._is_fresh(record)]
        relevant = [(record, self._relevant(record)) for record in fresh]
        wanted = {partition_of(event.sub) for _, events in relevant for event in events}
        self._load(wanted)
        self._distrust_lanes(relevant)
        self._read_due(fresh)
        for record, events in relevant:
            self._match_events(record, events)
            if record.tick and record.clock is not None:
                self._sweep(record.lane, record.clock, record.position)
        self._tidy()
        self._note_next_due()

    def changed_pages(self) -> Iterable[Page]:
        """Return the pages that must be written, with the state as it now is."""
        for partition, position in self.changed.items():
            page = self.pages[partition]
            page.positions[self.shard] = position
            for sub, state in self.states[partition].items():
                if state.is_empty:
                    page.subscribers.pop(sub, None)
                else:
                    page.subscribers[sub] = state.to_wire()
            yield page

    def _is_fresh(self, record: Record) -> bool:
        """Tell whether a record is new, and note it as done: the lane is saved when all its effects stand."""
        if record.lane < 0:
            self._reject(record)
            return False
        lane = self.lanes[record.lane]
        if record.position <= lane.positions.get(self.shard, 0):
            return False
        lane.positions[self.shard] = record.position
        if not record.tick:  # most ticks do nothing, which need not be written
            self.touched.add(record.lane)
            self._count(lane, "records")
        if record.producer and record.number <= lane.numbers.get(record.producer, 0):
            self._count(lane, "duplicate_records", 0 if record.tick else 1)
            return False
        if record.clock is not None:
            lane.clock = max(lane.clock, record.clock)
        if record.producer:
            lane.hear(record.producer, record.number)
        self._reject(record)
        self._count(lane, "rejected", sum(1 for rejected in record.rejected if rejected.index >= 0))
        return True

    def _relevant(self, record: Record) -> list[Event]:
        """Return the record's events that may change state: in time, and of a tracked subscriber."""
        lane = self.lanes[record.lane]
        events = []
        late = ahead = 0
        for index, event in enumerate(record.events):
            when = timeliness(event.ts, record.clock)
            if when == "late":
                late += 1
            elif when == "ahead":
                ahead += 1
                self._put_aside(record, Rejected(index, _AHEAD, event.type))
            elif (event.cell or event.type == POWER_OFF) and self._is_tracked(event.sub):
                events.append(event)
        self._count(lane, "events", len(record.events))
        self._count(lane, "late", late)
        self._count(lane, "ahead", ahead)
        return events

    def _match_events(self, record: Record, events: Iterable[Event]) -> None:
        for event in events:
            partition = partition_of(event.sub)
            if self._is_applied(record, partition):
                continue
            state = self._state(partition, event.sub)
            step = advance(self.rules, state, event, self._member(event.sub))
            if step.changed:
                if record.clock is not None:  # without a clock no event is late, however old
                    state.prune(min(event.ts, record.clock) - WINDOW_MS)
                self._take_step(partition, step, record.position)

    def _distrust_lanes(self, relevant: Iterable[tuple[Record, Sequence[Event]]]) -> None:
        """Look for due marks anew where a page holds a record that its lane does not: a crash came between them."""
        for record, events in relevant:
            if any(self._is_applied(record, partition_of(event.sub)) for event in events):
                self.lanes[record.lane].next_due = 0

    def _is_applied(self, record: Record, partition: int) -> bool:
        return record.position <= self.pages[partition].positions.get(self.shard, 0)

    def _read_due(self, records: Iterable[Record]) -> None:
        """Read the due marks of each lane with a tick that needs them, once, and some way ahead."""
        minutes: dict[int, int] = {}
        for record in records:
            if record.tick and record.clock is not None and self._is_used(record.lane):
                minutes[record.lane] = max(record.clock // MINUTE_MS, minutes.get(record.lane, 0))
        for lane, minute in minutes.items():
            if self.lanes[lane].next_due <= minute:
                self.looked[lane] = minute
                self.due[lane] = self.state.due(lane, minute + LOOK_AHEAD)

    def _note_next_due(self) -> None:
        """Note until when ticks have nothing to do in the lanes of this batch."""
        for number in self.looked.keys() | self.marks.keys():
            lane, looked = self.lanes[number], self.looked.get(number)
            known = lane.next_due if looked is None else looked + LOOK_AHEAD + 1
            stored = (m.minute for m in self.due.get(number, ()) if looked is None or m.minute >= looked)
            # Marks of this batch count even if a tick went by before them: an event may come that much out of order.
            next_due = min([known, *stored, *self.marks.get(number, {})])
            if next_due != lane.next_due:
                lane.next_due = next_due
                self.touched.add(number)

    def _is_used(self, lane: int) -> bool:
        """Tell whether a lane may hold anything: one that no record ever reached has no pages and no due marks."""
        return bool(self.lanes[lane].version) or lane in self.touched

    def _sweep(self, lane: int, clock: int, position: int) -> None:
        """Fire what is due in a lane: stream time has reached `clock` there."""
        if not self._is_used(lane):
            return
        self._cover_rules(lane)
        minute = clock // MINUTE_MS
        stored = [mark for mark in self.due.get(lane, ()) if mark.minute <= minute]
        here = self.marks.get(lane, {})
        due = {partition for mark in stored for partition in mark.partitions}
        due |= {partition for when in here if when <= minute for partition in here[when]}
        self._load(due)
        for partition in sorted(due):
            if position > self.pages[partition].positions.get(self.shard, 0):
                for sub in self._subscribers(partition):
                    state = self._state(partition, sub)
                    step = fire_due(self.rules, state, sub, clock, self._member(sub))
                    state.prune(clock - WINDOW_MS)
                    self._take_step(partition, step, position)
        self.swept[lane] = [mark for mark in stored if mark.minute < minute]
        self.marks[lane] = {when: partitions for when, partitions in here.items() if when >= minute}
        if due:
            self.touched.add(lane)

    def _tidy(self) -> None:
        """Drop what is long over from a page that is written anyway, now and then, or it would grow for good."""
        for partition, position in list(self.changed.items()):
            lane = self.lanes.get(partition // PARTITIONS_A_LANE)
            if lane and lane.clock and self.pages[partition].version % TIDY_EVERY == TIDY_EVERY - 1:
                for sub in self._subscribers(partition):
                    state = self._state(partition, sub)
                    step = fire_due(self.rules, state, sub, lane.clock - WINDOW_MS, self._member(sub))
                    state.prune(lane.clock - WINDOW_MS)
                    self._take_step(partition, step, position)

    def _cover_rules(self, lane: int) -> None:
        """Mark the timers that a newly published campaign sets on stays which were open before."""
        working = self.lanes[lane]
        if working.rules == self.ruleset.version:
            return
        self.touched.add(lane)
        partitions = range(lane * PARTITIONS_A_LANE, (lane + 1) * PARTITIONS_A_LANE)
        self._load(partitions)
        for partition in partitions:
            for sub in self._subscribers(partition):
                dues = pending_dues(self.rules, self._state(partition, sub), self._member(sub))
                self._mark(partition, dues)
        working.rules = self.ruleset.version

    def _take_step(self, partition: int, step: Step, position: int) -> None:
        if step.changed:
            self.changed[partition] = position
        self._mark(partition, step.dues)
        for firing in step.firings:
            match = gate(self.rules.campaigns[firing.campaign], firing)
            if match is not None:
                self.matches.append(match)

    def _mark(self, partition: int, dues: Iterable[int]) -> None:
        marks = self.marks.setdefault(partition // PARTITIONS_A_LANE, {}) if dues else {}
        for due in dues:
            marks.setdefault(due // MINUTE_MS, set()).add(partition)

    def _load(self, partitions: Iterable[int]) -> None:
        missing = {partition for partition in partitions if partition not in self.pages}
        if missing:
            self.pages |= self.state.load_pages(missing)

    def _subscribers(self, partition: int) -> list[str]:
        return sorted({*self.pages[partition].subscribers, *self.states[partition]})

    def _state(self, partition: int, sub: str) -> SubscriberState:
        states = self.states[partition]
        if sub not in states:
            wire: dict[str, Any] = self.pages[partition].subscribers.get(sub, {})
            states[sub] = SubscriberState.from_wire(wire)
        return states[sub]

    def _is_tracked(self, sub: str) -> bool:
        member = self._member(sub)
        return any(map(member, self.rules.lists))

    def _member(self, sub: str) -> Callable[[str], bool]:
        def member(name: str) -> bool:
            known = self._members.get((name, sub))
            if known is None:
                version = self.ruleset.lists.get(name)
                known = version is not None and self.target_lists.holds(version, sub)
                self._members[name, sub] = known
            return known

        return member

    def _reject(self, record: Record) -> None:
        for rejected in record.rejected:
            self._put_aside(record, rejected)

    def _put_aside(self, record: Record, rejected: Rejected) -> None:
        self.counts["quarantined"] += 1
        key = f"quarantine/{self.shard}/{record.position}-{rejected.index}.json"
        body = {
            "shard": self.shard,
            "position": str(record.position),
            "producer": record.producer,
            "index": rejected.index,
            "reason": rejected.reason,
            "content": rejected.content,
        }
        self.rejected.append((key, json.dumps(body, sort_keys=True, ensure_ascii=False).encode()))

    def _count(self, lane: Lane, name: str, by: int = 1) -> None:
        lane.count(name, by)
        self.counts[name] += by
