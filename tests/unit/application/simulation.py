"""A few days of a small public on one World: the same at every run, whatever crashes, repeats or races.

Who answers what, where and when is a hash of the touch or the visit, so that equal journeys get equal answers. Each
process that crashes is tried again at the same moment.
"""

import hashlib
import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, groupby
from typing import Any

from tests.unit.application.faults import Faults
from tests.unit.application.machine import until_done
from tests.unit.application.world import BEGIN, HOUR, MINUTE, World, canonical, subscribers

from cellwave.domain.errors import Conflict
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.journey import Answer, Journey
from cellwave.domain.signalling import Event, Record

SLOT = 10 * MINUTE
CELLS = ("c1", "c2", "c3", "elsewhere")


def chosen(*parts: object) -> int:
    """Return a number that depends on the parts alone."""
    return int.from_bytes(hashlib.sha256(":".join(map(str, parts)).encode()).digest()[:6], "big")


def public(subs: Sequence[str], slots: int = 60) -> list[Event]:
    """Return the events of a public that walks between four cells, in the order of their time."""
    events = []
    for slot in range(slots):
        for sub in subs:
            pick = chosen("walk", sub, slot)
            if pick % 5 == 0:
                kind = "power_off" if pick % 35 == 0 else "sighting"
                cell = "" if kind == "power_off" else CELLS[pick // 35 % 4]
                events.append(Event(sub, BEGIN + slot * SLOT + pick // 7 % SLOT, kind, cell))
    return sorted(events, key=lambda event: (event.ts, event.sub))


def records_of(events: Sequence[Event], slots: int, lanes: int = 3) -> list[list[Record]]:
    """Return each slot's records: one a lane with its events, one with a tick."""
    found: list[list[Record]] = []
    position = count(1)
    number = count(1)
    for slot in range(slots):
        clock = BEGIN + (slot + 1) * SLOT
        of_slot = []
        for lane in range(lanes):
            mine = tuple(e for e in events if clock - SLOT <= e.ts < clock and lane_of(partition_of(e.sub)) == lane)
            of_slot.append(Record(next(position), lane, "p", next(number), clock, False, mine))
            of_slot.append(Record(next(position), lane, "p", next(number), clock, True))
        found.append(of_slot)
    return found


@dataclass
class Simulation:
    """One run. `seed` decides what goes wrong and how it is batched, never what the public does."""

    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    shards: int = 1
    is_rough: bool = False
    slots: int = 60

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - seeded on purpose
        self.world = World(faults=self.faults)
        self.faults.is_armed = False
        self.subs = subscribers(24)
        self.world.publish(subs=self.subs)
        self.faults.is_armed = True
        self.claims: list[str] = []
        self._todo: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._seen_positions = count(1)

    def run(self) -> "Simulation":
        """Let everything happen until nothing more does."""
        slots = records_of(public(self.subs, self.slots), self.slots)
        for number, records in enumerate(slots):
            self._at(BEGIN + (number + 1) * SLOT, partial(self._signal, records))
        for hour in range(0, 200, 4):
            self._at(BEGIN + hour * HOUR + 1, self._poll)
            self._at(BEGIN + hour * HOUR + 2, partial(self._visit, hour))
        while self._next() is not None:
            self._step()
        self.faults.is_armed = False
        return self

    @property
    def result(self) -> dict[str, Any]:
        """Return all that must not depend on what went wrong."""
        report = self.world.report()
        return {
            "journeys": canonical(self.world.journeys.all()),
            "claims": sorted(self.claims),
            "ledger": sorted(self.world.ledger.all(), key=lambda outcome: outcome.id),
            "report": replace(report, at=0, stream={}),
            "events": {name: report.stream.get(name) for name in ("events", "late", "ahead", "rejected")},
        }

    def _at(self, ts: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._todo, (ts, next(self._order), action))

    def _next(self) -> int | None:
        moments = (self.world.machine.next_due(), self._todo[0][0] if self._todo else None)
        return min((moment for moment in moments if moment is not None), default=None)

    def _step(self) -> None:
        moment = self._next()
        assert moment is not None
        clock = self.world.clock
        clock.advance(max(0, moment - clock.now()))
        while self._todo and self._todo[0][0] <= moment:
            heapq.heappop(self._todo)[2]()
        self.world.machine.settle()
        self._poll()

    # The stream

    def _signal(self, records: Sequence[Record]) -> None:
        if self.is_rough:
            records = self._with_repeats(records)
        records = [replace(record, position=next(self._seen_positions)) for record in records]
        for shard, mine in groupby(sorted(records, key=lambda r: r.lane % self.shards), lambda r: r.lane % self.shards):
            self._deliver(f"shard-{shard}", list(mine))

    def _with_repeats(self, records: Sequence[Record]) -> list[Record]:
        """Send some records a second time, after the first: the same producer and number."""
        found: list[Record] = []
        for record in records:
            found += [record] * self.random.choice((1, 1, 2))
            if self.random.random() < 0.2:
                found.append(self.random.choice([each for each in found if each.lane == record.lane]))
        return found

    def _deliver(self, shard: str, records: list[Record]) -> None:
        """Hand over in batches; one that crashes comes again, with other boundaries, and so do some that had passed."""
        done = 0
        while done < len(records):
            done = until_done(partial(self._hand_over, shard, records, done), meanwhile=self._poll)

    def _hand_over(self, shard: str, records: Sequence[Record], done: int) -> int:
        first, end = done, len(records)
        if self.is_rough:
            first, end = self.random.randint(0, done), min(len(records), done + self.random.randint(1, 4))
        self._match(self.world.matcher, shard, records[first:end])
        return end

    def _match(self, matcher: Any, shard: str, batch: Sequence[Record]) -> None:
        for _ in range(10):
            try:
                matcher.match(shard, batch)
            except Conflict:
                continue
            return
        raise AssertionError("Conflict without end")

    # The channels

    def _poll(self) -> None:
        for channel in ("sms", "outbound_call"):
            taken = self.world.take(channel)
            if self.is_rough:
                taken += [touch for touch in taken if self.random.random() < 0.3]
                self.random.shuffle(taken)
            for touch in taken:
                self._send(channel, touch)

    def _send(self, channel: str, touch: str) -> None:
        if chosen("asleep", touch) % 6 == 0:
            return
        with self.faults.only("before"):
            verdict = until_done(lambda: self.world.claim(touch))
        if verdict != "claimed":
            return
        self.claims.append(touch)
        self._report(touch, "sent", channel)
        pick = chosen("answer", touch)
        kinds: tuple[Answer | None, ...] = (
            "accepted",
            "refused",
            "considering",
            "considering",
            "undeliverable",
            "undeliverable",
            "delivered",
            None,
        )
        kind = kinds[pick % 8]
        if kind is not None:
            within = (0, 20 * HOUR, 80 * HOUR)[pick // 8 % 3]
            delay = pick // 24 % within if within else 0
            if delay == 0:
                self._report(touch, kind, channel)
                return
            self._at(self.world.clock.now() + 1 + delay, lambda: self._report(touch, kind, channel))

    def _visit(self, hour: int) -> None:
        for sub in self.subs:
            pick = chosen("visit", sub, hour)
            if pick % 60:
                continue
            channel = ("counter", "hotline", "web", "app")[pick // 60 % 4]
            kinds: tuple[Answer | None, ...] = ("considering", "considering", "accepted", "refused", None, None)
            kind = kinds[pick // 240 % 6]
            for offer in until_done(partial(self.world.desk.offers, self.world.ruleset, sub, channel)):
                if kind is not None:
                    self._report(offer.touch, kind, channel)

    def _report(self, touch: str, kind: Answer, channel: str) -> None:
        for _ in range(self.random.choice((1, 2)) if self.is_rough else 1):
            until_done(lambda: self.world.answer(touch, kind, channel))


def fates(journeys: Sequence[Journey]) -> set[str]:
    """Return the ports by which journeys left waves or ended."""
    return {step.port for journey in journeys for step in journey.steps} | {journey.port for journey in journeys}
