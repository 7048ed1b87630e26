"""Matcher state as it is stored: pages, lanes and due marks. What is in them is the engine's."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Page:
    """The state of all tracked subscribers of one partition.

    `position` is the stream position of the last record applied to it: a retry skips what the page holds already.
    `version` is the one it was read at (0: new); a save is refused when another has been there meanwhile.
    `subscribers` maps a pseudonym to the engine's wire form of its state.
    """

    partition: int
    version: int = 0
    position: int = 0
    subscribers: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Lane:
    """How far a lane has been worked off, and what was counted on the way: exact under any retry.

    `position` is the last record of the lane whose effects are all done; `numbers` the highest record number of
    each producer; `counts` the running totals by name.
    """

    lane: int
    version: int = 0
    position: int = 0
    clock: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """Add to one of the running totals."""
        if by:
            self.counts[name] = self.counts.get(name, 0) + by
