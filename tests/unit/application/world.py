"""A whole Cellwave on memory adapters, with the three-wave flow of the design."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tests.unit.application.faults import Faults
from tests.unit.application.machine import Interpreter

from cellwave.adapters.memory import (
    ManualClock,
    MemoryChannelQueues,
    MemoryJourneyStore,
    MemoryLedger,
    MemoryObjectStore,
    MemoryRegistry,
    MemoryStateStore,
    MemoryTargetLists,
    MemoryTouchTokens,
    MemoryVault,
    MemoryWaveMachine,
)
from cellwave.application.claim_touch import Claimer
from cellwave.application.cohorts import Cohorts
from cellwave.application.match_records import Matcher
from cellwave.application.open_journeys import JourneyOpener
from cellwave.application.publish import Publication, publish, publish_list
from cellwave.application.query_offers import OfferDesk
from cellwave.application.record_outcome import OutcomeRecorder, Recorded
from cellwave.application.record_outcome import Report as Answered
from cellwave.application.report import Report, report
from cellwave.application.run_waves import Dispatcher
from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign, Match
from cellwave.domain.flow import Flow, Wave
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.journey import Answer, Journey
from cellwave.domain.ruleset import Ruleset

MINUTE = 60_000
HOUR = 60 * MINUTE
BEGIN = 1_763_800_200_000
assert BEGIN % (15 * MINUTE) == 0, "a whole bucket"

THREE_WAVE = Flow(
    "three-wave",
    0,
    "text",
    {
        "text": Wave(
            "text",
            ("sms",),
            "rbt-sms",
            24,
            next={"considering": "counter", "no_response": "counter", "undeliverable": "call"},
        ),
        "counter": Wave(
            "counter",
            ("counter", "hotline", "web"),
            "rbt-counter",
            72,
            next={"considering": "call", "no_response": "call"},
        ),
        "call": Wave("call", ("outbound_call",), "rbt-call", 48, attempts=2),
    },
)
SCRIPTS = {"rbt-sms": "Half price!", "rbt-counter": "Offer it.", "rbt-call": "Call them."}
AREAS = {"mall": frozenset({"c1", "c2"}), "station": frozenset({"c2", "c3"})}


def campaign(name: str = "ringback", **changes: object) -> Campaign:
    """Return a campaign on entering the mall, with changes."""
    plain = Campaign(
        name=name,
        product="tone",
        offer="half-price",
        target_list="list",
        trigger=AreaEntered("mall"),
        respond_within_hours=24,
        flow="three-wave",
        holdout_group="tone",
        priority=50,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


CAMPAIGNS = (
    campaign(),
    campaign("mall-dwell", trigger=AreaDwelled("mall", 20), reentry_hours=24, priority=60),
    campaign("data", product="data", trigger=AreaDwelled("station", 30), holdout_group="data", holdout_percent=20.0),
)


def subscribers(count: int, lanes: int = 3) -> list[str]:
    """Return pseudonyms of the first few lanes only, so that lanes and pages are shared."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        sub = f"k1-{number:022d}"
        if lane_of(partition_of(sub)) < lanes:
            found.append(sub)
        number += 1
    return found


@dataclass
class World:
    """Stores, and use cases made anew at each use: every use is another process, which remembers nothing."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(BEGIN, BEGIN // 1000))
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        wrap = self.faults.wrap
        self.noted = MemoryWaveMachine()
        self.memory_queues = MemoryChannelQueues()
        self.registry = MemoryRegistry()
        self.lists = MemoryTargetLists()
        self.vault = MemoryVault()
        self.tokens = MemoryTouchTokens()
        self.objects = wrap(MemoryObjectStore())
        self.state = wrap(MemoryStateStore(self.clock))
        self.journeys = wrap(MemoryJourneyStore(self.clock))
        self.ledger = wrap(MemoryLedger())
        self.queues = wrap(self.memory_queues)
        self.starter = wrap(self.noted)
        self.machine = Interpreter(
            self.noted,
            self.starter,
            self.objects,
            self.journeys,
            lambda: self.dispatcher,
            lambda: self.ruleset,
            self.clock,
        )

    @property
    def ruleset(self) -> Ruleset:
        return self.registry.current()

    @property
    def cohorts(self) -> Cohorts:
        return Cohorts(self.objects, self.starter, self.clock)

    @property
    def opener(self) -> JourneyOpener:
        return JourneyOpener(self.journeys, self.queues, self.tokens, self.cohorts, self.clock)

    @property
    def matcher(self) -> Matcher:
        return Matcher(self.state, self.registry, self.lists, self.objects, self.opener)

    @property
    def dispatcher(self) -> Dispatcher:
        return Dispatcher(self.objects, self.journeys, self.queues, self.tokens, self.cohorts)

    @property
    def claimer(self) -> Claimer:
        return Claimer(self.journeys, self.vault, self.tokens, self.clock)

    @property
    def recorder(self) -> OutcomeRecorder:
        return OutcomeRecorder(self.journeys, self.ledger, self.queues, self.tokens, self.cohorts, self.clock)

    @property
    def desk(self) -> OfferDesk:
        return OfferDesk(self.journeys, self.tokens, self.clock)

    def publish(
        self, campaigns: Iterable[Campaign] = CAMPAIGNS, subs: Iterable[str] = (), flow: Flow = THREE_WAVE
    ) -> None:
        """Publish a list, areas, scripts, a flow and campaigns; what stands already is left."""
        campaigns = list(campaigns)
        numbers = {sub: f"86{number:09d}" for number, sub in enumerate(sorted(subs))}
        for name in sorted({each.target_list for each in campaigns}):
            publish_list(self.registry, self.lists, self.vault, name, numbers)
        publish(self.registry, self.clock, Publication(campaigns, [flow], AREAS, SCRIPTS), counts_from=0)

    def open(self, *subs: str, name: str = "ringback", ts: int | None = None, held_out: bool = False) -> list[Journey]:
        """Open journeys as the matcher would."""
        matches = [Match(name, sub, self.clock.now() if ts is None else ts, held_out) for sub in subs]
        return self.opener.open(self.ruleset, matches)

    def take(self, channel: str) -> list[str]:
        """Take all messages from a channel's queue."""
        queue = self.memory_queues.queues[channel]
        taken, queue[:] = list(queue), []
        return taken

    def claim(self, touch: str) -> str:
        """Claim a touch; return the verdict."""
        return self.claimer.claim(self.ruleset, touch).status

    def answer(self, touch: str, answer: Answer, channel: str = "", key: str = "") -> Recorded:
        """Report an outcome now."""
        return self.recorder.record(self.ruleset, Answered(touch, answer, channel, key=key))

    def the(self, sub: str, name: str = "ringback") -> Journey:
        """Return the subscriber's only journey of a campaign."""
        [found] = [journey for journey in self.journeys.of(sub) if journey.campaign == name]
        return found

    def wait_until(self, ts: int) -> None:
        """Let stream time pass, every execution acting when it is due."""
        self.machine.settle()
        while (due := self.machine.next_due()) is not None and due <= ts:
            self.clock.advance(max(0, due - self.clock.now()))
            self.machine.settle()
        self.clock.advance(max(0, ts - self.clock.now()))

    def report(self) -> Report:
        """Report as of now."""
        journeys, marks = self.journeys.all(), self.journeys.marks()
        return report(self.ruleset, self.state.all_lanes(), journeys, marks, self.ledger.all(), self.clock.now())


def canonical(journeys: Iterable[Journey]) -> list[Journey]:
    """Return journeys in canonical form: how often they were written does not count."""
    return sorted((replace(journey, revision=0) for journey in journeys), key=lambda each: (each.sub, each.id))
