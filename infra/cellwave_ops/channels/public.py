"""A simulated public: how the people whom a touch reaches answer, with set odds and delays.

What somebody answers depends on the touch and the seed alone, so that a run can be repeated.
"""

import hashlib
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cellwave.domain.campaign import HOUR_MS

ODDS: Final[Mapping[str, Mapping[str, float]]] = {
    "sms": {"accepted": 0.08, "refused": 0.10, "considering": 0.15, "undeliverable": 0.07},
    "outbound_call": {"accepted": 0.20, "refused": 0.30, "considering": 0.05, "undeliverable": 0.25},
    "counter": {"accepted": 0.25, "refused": 0.20, "considering": 0.25},
    "hotline": {"accepted": 0.20, "refused": 0.25, "considering": 0.25},
    "web": {"accepted": 0.10, "refused": 0.10, "considering": 0.10},
}
"""What share of people answers how, by channel; the rest says nothing."""

_DELAY_HOURS: Final = (0.2, 9.0)


def chance(seed: int, *parts: str) -> float:
    """Return a number in [0, 1) that depends on the seed and the parts alone."""
    raw = hashlib.sha256("\x1f".join((str(seed), *parts)).encode()).digest()
    return int.from_bytes(raw[:7], "big") / (1 << 56)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer (empty: none ever comes) and how long after the touch it comes, stream ms."""

    answer: str
    after: int


def reply(seed: int, channel: str, touch: str) -> Reply:
    """Return how the person behind a touch answers."""
    drawn = chance(seed, "answer", touch)
    least, most = _DELAY_HOURS
    after = int((least + (most - least) * chance(seed, "delay", touch)) * HOUR_MS)
    for answer, odds in ODDS.get(channel, {}).items():
        if drawn < odds:
            return Reply(answer, after)
        drawn -= odds
    return Reply("", after)


@dataclass(slots=True)
class Agenda:
    """Answers to come, by stream time."""

    _heap: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, at: int, touch: str, answer: str) -> None:
        """Note that an answer comes at stream time `at` (ms)."""
        heapq.heappush(self._heap, (at, touch, answer))

    def due(self, now: int) -> Iterator[tuple[int, str, str]]:
        """Return and forget what has come by `now`: time, touch, answer."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody is going to answer any more."""
        return not self._heap
