"""Journeys, marks and the ledger in memory."""

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from cellwave.adapters import expiry
from cellwave.domain.campaign import HOUR_MS
from cellwave.domain.journey import Journey
from cellwave.domain.outcomes import Outcome
from cellwave.ports.clock import Clock
from cellwave.ports.journeys import Mark, MarkResult

_Key = tuple[str, str]


class MemoryJourneyStore:
    """JourneyStore in memory."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._lock = threading.Lock()
        self._journeys: dict[str, dict[str, tuple[Journey, int]]] = {}
        self._marks: dict[_Key, tuple[int, int]] = {}

    def mark(self, marks: Sequence[Mark]) -> list[MarkResult]:
        """Set each mark and tell the result."""
        with self._lock:
            return [self._mark(mark) for mark in marks]

    def create(self, journeys: Sequence[Journey]) -> list[Journey]:
        """Write each journey that does not stand yet, and return what then stands."""
        with self._lock:
            for journey in journeys:
                if self._standing((journey.sub, journey.id)) is None:
                    self._put(replace(journey, revision=1))
            return [self._journeys[journey.sub][journey.id][0] for journey in journeys]

    def get(self, keys: Collection[_Key]) -> dict[_Key, Journey]:
        """Return the journeys that stand."""
        with self._lock:
            found = {key: self._standing(key) for key in keys}
        return {key: journey for key, journey in found.items() if journey is not None}

    def of(self, sub: str) -> list[Journey]:
        """Return every journey of a subscriber, in the order of their ids."""
        with self._lock:
            found = [self._standing((sub, id)) for id in sorted(self._journeys.get(sub, {}))]
        return [journey for journey in found if journey is not None]

    def replace(self, journeys: Sequence[Journey]) -> list[bool]:
        """Write each journey whose stored revision is its own; tell which were written."""
        with self._lock:
            return [self._replace(journey) for journey in journeys]

    def all(self) -> Iterable[Journey]:
        """Return every journey."""
        return [journey for sub in list(self._journeys) for journey in self.of(sub)]

    def marks(self) -> Iterable[Mark]:
        """Return every mark."""
        now = self._clock.wall()
        with self._lock:
            return [Mark(*key, ts, None) for key, (ts, expires_at) in self._marks.items() if expires_at > now]

    def _standing(self, key: _Key) -> Journey | None:
        kept = self._journeys.get(key[0], {}).get(key[1])
        return kept[0] if kept is not None and kept[1] > self._clock.wall() else None

    def _put(self, journey: Journey) -> None:
        expires_at = self._clock.wall() + expiry.JOURNEYS
        self._journeys.setdefault(journey.sub, {})[journey.id] = (journey, expires_at)

    def _replace(self, journey: Journey) -> bool:
        stored = self._standing((journey.sub, journey.id))
        if stored is None or stored.revision != journey.revision:
            return False
        self._put(replace(journey, revision=journey.revision + 1))
        return True

    def _mark(self, mark: Mark) -> MarkResult:
        last, expires_at = self._marks.get((mark.sub, mark.campaign), (0, 0))
        if expires_at > self._clock.wall():
            if last == mark.trigger_ts:
                return "same"
            if mark.reentry_hours is None or last > mark.trigger_ts - mark.reentry_hours * HOUR_MS:
                return "spent"
        self._marks[mark.sub, mark.campaign] = (mark.trigger_ts, self._clock.wall() + expiry.JOURNEYS)
        return "entered"


class MemoryLedger:
    """Ledger in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: dict[str, dict[str, Outcome]] = {}

    def append(self, outcome: Outcome) -> bool:
        """Write an outcome; False where it stood already."""
        with self._lock:
            kept = self._outcomes.setdefault(outcome.sub, {})
            if outcome.id in kept:
                return False
            kept[outcome.id] = outcome
            return True

    def of(self, sub: str) -> list[Outcome]:
        """Return a subscriber's outcomes in the order of their stream time, equal ones by id."""
        with self._lock:
            kept = list(self._outcomes.get(sub, {}).values())
        return sorted(kept, key=lambda outcome: (outcome.ts, outcome.id))

    def all(self) -> Iterable[Outcome]:
        """Return every outcome."""
        with self._lock:
            return [outcome for kept in self._outcomes.values() for outcome in kept.values()]
