"""Matcher state as it is stored: pages, lanes and due marks. What is in them is the engine's."""

from dataclasses import dataclass, field
from typing import Any, Final

SILENCE_MS: Final = 7 * 24 * 3_600_000


@dataclass(slots=True)
class Page:
    """The state of all tracked subscribers of one partition.

    `positions` is, by shard, the stream position of the last record applied to it: a retry skips what the page
    holds already. (A lane lives in one shard; producers of one-event records may reach it through others, and
    positions of two shards do not compare.) `version` is the one it was read at (0: new); a save is refused when
    another has been there meanwhile. `subscribers` maps a pseudonym to the engine's wire form of its state.
    """

    partition: int
    version: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    subscribers: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Lane:
    """How far a lane has been worked off, and what was counted on the way: exact under any retry.

    `positions` is, by shard, the last record of the lane whose effects are all done; `numbers` the highest record
    number of each producer; `clock` the greatest stream time (ms) seen; `rules` the ruleset version whose timers
    the due marks cover; `next_due` the minute before which no due mark needs to be looked for (0: look);
    `counts` the running totals by name; `heard` the lane's clock when each producer was heard last.
    """

    lane: int
    version: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    clock: int = 0
    rules: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    next_due: int = 0
    heard: dict[str, int] = field(default_factory=dict)

    def hear(self, producer: str, number: int) -> None:
        """Note a producer's highest record number; forget producers that were silent for a week of stream time."""
        self.numbers[producer], self.heard[producer] = number, self.clock
        for silent in [name for name, clock in self.heard.items() if clock < self.clock - SILENCE_MS]:
            del self.numbers[silent], self.heard[silent]

    def count(self, name: str, by: int = 1) -> None:
        """Add to one of the running totals."""
        if by:
            self.counts[name] = self.counts.get(name, 0) + by


@dataclass(frozen=True, slots=True)
class DueMark:
    """Partitions that have timers due within one minute of stream time; `stamp` tells whether it changed since."""

    minute: int
    partitions: frozenset[int]
    stamp: int
