"""Match a batch of stream records of one shard: the hot path's use case.

Effects come in an order in which any crash leaves a prefix that the retry completes without a trace:
quarantine, due marks, journeys, pages, due marks cleared, lanes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cellwave.application.match_batch import Batch
from cellwave.domain.campaign import Match
from cellwave.domain.journey import Journey
from cellwave.domain.rules import Rules
from cellwave.domain.ruleset import Ruleset
from cellwave.domain.signalling import Record
from cellwave.ports.delivery import ObjectStore
from cellwave.ports.people import Registry, TargetLists
from cellwave.ports.state import StateStore


class Opener(Protocol):
    """Opens journeys for matches."""

    def open(self, ruleset: Ruleset, matches: Iterable[Match]) -> list[Journey]:
        """Open a journey for each match that the re-entry period lets in."""
        ...


@dataclass(frozen=True, slots=True)
class Matched:
    """What a batch did, for metrics: counts by name, and the journeys that stand for its matches."""

    counts: Mapping[str, int]
    journeys: Sequence[Journey]


@dataclass(slots=True)
class Matcher:
    """Matches batches. Holds the compiled rules from batch to batch."""

    state: StateStore
    registry: Registry
    lists: TargetLists
    quarantine: ObjectStore
    opener: Opener
    _ruleset: Ruleset = field(default_factory=Ruleset)
    _rules: Rules = field(default_factory=lambda: Rules.compile((), {}))

    def match(self, shard: str, records: Sequence[Record]) -> Matched:
        """Match the records of one shard, in their order. Raises Conflict when another matcher was there: retry."""
        ruleset = self.registry.current()
        if ruleset.version != self._ruleset.version:
            self._ruleset, self._rules = ruleset, Rules.compile(ruleset.campaigns.values(), ruleset.areas)
        batch = Batch(shard, self._rules, self._ruleset, self.lists, self.state)
        batch.take(records)
        for key, rejected in batch.rejected:
            self.quarantine.put_new(key, rejected)
        for lane, marks in batch.marks.items():
            if marks:
                self.state.add_due(lane, marks)
        journeys = self.opener.open(ruleset, batch.matches)
        self.state.save_pages(list(batch.changed_pages()))
        for lane, done in batch.swept.items():
            self.state.clear_due(lane, done)
        self.state.save_lanes([batch.lanes[lane] for lane in sorted(batch.touched)])
        return Matched(batch.counts, journeys)
