"""A simulated front line: people come to the counter, ring the hotline, and are made the offer that is due.

Shows how a passive channel uses the API: ask for the offers of the subscriber in front of you, make the first,
report what was said.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from cellwave.domain.campaign import HOUR_MS
from cellwave_ops.channels.client import ApiError, ChannelApi
from cellwave_ops.channels.counts import Counts
from cellwave_ops.channels.public import chance, reply

CHANNELS: Final = ("counter", "hotline", "web")
_HOURS_MADE_UP_FOR: Final = 6


@dataclass(slots=True)
class FrontLine:
    """Visits of people known by their numbers. `visits_a_day` is how often one person comes, on average."""

    people: Sequence[str]
    api: ChannelApi
    now: Callable[[], int]
    seed: int
    visits_a_day: float = 0.25
    workers: int = 4
    counts: Counts = field(default_factory=Counts)
    _last_hour: int = -1

    def work(self) -> int:
        """Receive the visitors of the hours that have begun since the last call; return how many came.

        Who came more than six hours ago has left. Raises ApiError where the API does not answer.
        """
        hour = self.now() // HOUR_MS
        if self._last_hour < 0:
            self._last_hour = hour - 1
        visitors = []
        for passed in range(max(self._last_hour + 1, hour - _HOURS_MADE_UP_FOR + 1), hour + 1):
            odds = self.visits_a_day / 24
            visitors += [p for p in self.people if chance(self.seed, "visit", p, str(passed)) < odds]
        self._last_hour = hour
        with ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(self._receive, visitors))
        return len(visitors)

    def run(self, until: Callable[[], bool]) -> None:
        """Work until told to stop."""
        while not until():
            self.work()
            time.sleep(0.2)

    def _receive(self, person: str) -> None:
        drawn = chance(self.seed, "channel", person, str(self._last_hour))
        channel = CHANNELS[int(drawn * len(CHANNELS))]
        self.counts.add("visits")
        try:
            offers = self.api.post("/v1/offers", {"msisdn": person, "channel": channel})["items"]
            for offer in offers[:1]:
                self._talk(channel, offer["touch"])
        except ApiError as error:
            if not error.status:
                raise
            self.counts.add("failed")

    def _talk(self, channel: str, touch: str) -> None:
        self.counts.add("offers")
        said = reply(self.seed, channel, f"{touch}:{channel}").answer
        if said:
            body = {"touch": touch, "outcome": said, "channel": channel, "at": self.now()}
            self.api.post("/v1/outcomes", body)
            self.counts.add(said)
