"""A scene: people, an area, campaigns and flows that no other test has, on the stack that all share."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from cellwave.application.placements import touch_of
from cellwave.application.publish import Publication, publish
from cellwave.application.report import Report, report
from cellwave.domain.campaign import AreaEntered, Campaign, Trigger
from cellwave.domain.flow import Flow, Wave
from cellwave.domain.journey import Journey
from cellwave.domain.pages import Lane
from cellwave.domain.signalling import Event
from cellwave_ops.channels.sender import Sender
from cellwave_ops.operations import load_numbers
from cellwave_ops.sources.producer import OutgoingRecord, Producer
from cellwave_ops.sources.sender import Sender as StreamSender
from cellwave_ops.stack import Stack

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

Found = TypeVar("Found")


def until(look: Callable[[], Found], what: str, within: float = 90.0) -> Found:
    """Look until there is something to see, and return it."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {within:.0f} s for {what}")


def wave(node: str, *channels: str, hours: int = 1, attempts: int = 1, next: Mapping[str, str] | None = None) -> Wave:
    """A wave with the shortest window that there is, unless a test asks for more."""
    return Wave(node, channels, "words", hours, attempts, next or {})


def counts(lanes: Iterable[Lane]) -> dict[str, int]:
    """What all lanes counted."""
    total: dict[str, int] = {}
    for lane in lanes:
        for name, count in lane.counts.items():
            total[name] = total.get(name, 0) + count
    return total


class Scene:
    """What a test needs of the stack, under names of its own. `salt` tells scenes apart."""

    def __init__(self, stack: Stack, salt: int):
        self.stack = stack
        self.salt = salt
        self.name = f"scene-{salt}"
        self.cell = f"001-01-{50_000 + salt}-1"
        self.elsewhere = f"001-01-{50_000 + salt}-2"
        self._keys = stack.pseudonymizer()
        self._people = 0
        self._producers = 0

    def people(self, count: int) -> list[str]:
        """New numbers (of a country that does not exist), on the scene's target list."""
        first, self._people = self._people, self._people + count
        numbers = [f"99961{self.salt:04d}{index:04d}" for index in range(first, self._people)]
        load_numbers(self.stack, self.name, [f"99961{self.salt:04d}{index:04d}" for index in range(self._people)])
        return numbers

    def sub(self, number: str) -> str:
        """The pseudonym of a number."""
        return self._keys.of(number)

    def campaign(
        self,
        waves: Sequence[Wave],
        *,
        name: str = "",
        product: str = "",
        trigger: Trigger | None = None,
        respond: int = 12,
        holdout: float = 0.0,
        reentry: int | None = None,
    ) -> str:
        """Publish a campaign over the scene's area with a flow of these waves, the first one first; return its name."""
        name = f"{self.name}-{name}" if name else self.name
        flow = Flow(name, 0, waves[0].node, {one.node: one for one in waves})
        product = f"{self.name}-{product}"
        campaign = Campaign(
            name=name,
            product=product,
            offer="an-offer",
            target_list=self.name,
            trigger=trigger or AreaEntered(self.name),
            respond_within_hours=respond,
            flow=name,
            holdout_group=product,
            holdout_percent=holdout,
            reentry_hours=reentry,
        )
        areas = {self.name: frozenset([self.cell])}
        publication = Publication([campaign], [flow], areas, {"words": "Would you like it?"})
        publish(self.stack.wiring.registry, self.stack.clock(), publication)
        return name

    def seen(self, number: str, ts: int | None = None, cell: str = "") -> Event:
        """The sighting of a person in the scene's area (or another cell), now unless told."""
        return Event(self.sub(number), ts or self.now(), "sighting", cell or self.cell)

    def now(self) -> int:
        """Stream time."""
        return self.stack.clock().now()

    def records(self, events: Iterable[Event]) -> list[OutgoingRecord]:
        """The records of a new producer for these events, ticks included."""
        self._producers += 1
        return list(Producer(self.producer).records_of(events))

    @property
    def producer(self) -> str:
        """The name of the latest producer."""
        return f"{self.name}-{self._producers}"

    def send(self, records: Iterable[OutgoingRecord]) -> None:
        """Put records on the stream, in order in each lane."""
        sender = StreamSender(self.stack.kinesis(), self.stack.outputs["SignallingStream"])
        for record in records:
            sender.send(record)
        sender.flush()

    def taken(self, records: Sequence[OutgoingRecord], within: float = 90.0) -> None:
        """Wait until the matcher has worked off all events of the latest producer (idle ticks leave no trace)."""
        numbers: Counter[int] = Counter()
        last: dict[int, int] = {}
        for record in records:
            numbers[record.lane] += 1
            if record.events:
                last[record.lane] = numbers[record.lane]

        def done() -> bool:
            found = {lane.lane: lane.numbers.get(self.producer, 0) for lane in self.stack.wiring.state.all_lanes()}
            return all(found.get(lane, 0) >= number for lane, number in last.items())

        until(done, f"the events of {self.producer} to be worked off", within)

    def show(self, events: Iterable[Event]) -> None:
        """Let the matcher see events, and wait until it has."""
        records = self.records(events)
        self.send(records)
        self.taken(records)

    def journeys(self, campaign: str = "") -> list[Journey]:
        """The scene's journeys, or those of one of its campaigns."""
        everyone = self.stack.wiring.journeys.all()
        return [j for j in everyone if (j.campaign == campaign if campaign else self._owns(j.campaign))]

    def journey(self, number: str, campaign: str = "") -> Journey:
        """The one journey of a person."""
        [found] = [j for j in self.journeys(campaign) if j.sub == self.sub(number)]
        return found

    def touch(self, journey: Journey) -> str:
        """The id of a journey's current touch."""
        return touch_of(self.stack.wiring.tokens, journey)

    def claim(self, touch: str) -> str:
        """Claim a touch; return the verdict."""
        return str(self.stack.api().post("/v1/claims", {"touch": touch})["status"])

    def report(self) -> Report:
        """The report over the scene's journeys alone."""
        wiring = self.stack.wiring
        outcomes = [outcome for outcome in wiring.ledger.all() if self._owns(outcome.campaign)]
        marks = [mark for mark in wiring.journeys.marks() if self._owns(mark.campaign)]
        return report(wiring.registry.current(), (), self.journeys(), marks, outcomes, self.now())

    def sender(self, channel: str, send: Callable[[str, str, str], None], seed: int | None = None) -> Sender:
        """A channel system of this process."""
        stack = self.stack
        url = stack.channel_queues[channel]
        return Sender(channel, url, stack.wiring.clients.sqs, stack.api(), send, stack.clock().now, seed)

    def _owns(self, campaign: str) -> bool:
        return campaign == self.name or campaign.startswith(f"{self.name}-")
