"""Record an outcome: into the ledger once, then into the journeys that it decides."""

from dataclasses import dataclass
from typing import Final

from cellwave.application.cohorts import Cohorts
from cellwave.application.placements import place
from cellwave.domain.errors import Conflict, NotFound
from cellwave.domain.flow import Flow
from cellwave.domain.identifiers import wave_tag
from cellwave.domain.journey import Answer, Journey, answered, close, ending
from cellwave.domain.outcomes import Outcome, TouchRef, outcome_id
from cellwave.domain.ruleset import Ruleset
from cellwave.ports.clock import Clock
from cellwave.ports.delivery import ChannelQueues, TouchTokens
from cellwave.ports.journeys import JourneyStore, Ledger

_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Report:
    """What a channel reports of a touch. `at` is stream ms (None: now); `key` tells two like answers apart."""

    touch: str
    answer: Answer
    channel: str = ""
    at: int | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a report: whether the ledger had it already, and how many journeys it closed or moved."""

    outcome: str
    duplicate: bool
    changed: int


@dataclass(frozen=True, slots=True)
class OutcomeRecorder:
    """Records outcomes. The ledger comes first; the effects are repeated by a retry until they stand."""

    journeys: JourneyStore
    ledger: Ledger
    queues: ChannelQueues
    tokens: TouchTokens
    cohorts: Cohorts
    clock: Clock

    def record(self, ruleset: Ruleset, report: Report) -> Recorded:
        """Record one report and do what it decides. Raises NotFound for a touch that does not exist.

        An accept or a refuse closes every open journey of the subscriber for the product, which revokes what is
        queued or open on any channel and campaign.
        """
        ref = self.tokens.open(report.touch)
        journeys = self.journeys.of(ref.sub)
        journey = next((j for j in journeys if j.id == ref.journey), None)
        if journey is None:
            raise NotFound("no such touch")
        now = self.clock.now()
        entry = _entry(journey, ref, report, min(report.at, now) if report.at is not None else now)
        is_new = self.ledger.append(entry)
        if not is_new:
            entry = self._first(entry)
        if report.answer in ("accepted", "refused"):
            changed = self._close_product(ruleset, journeys, journey.product, report.answer)
        else:
            changed = self._move(ruleset.flows[journey.flow], journey, ref, report.answer, entry)
        return Recorded(entry.id, not is_new, changed)

    def _first(self, entry: Outcome) -> Outcome:
        """Return the outcome as it was recorded first: when it was said does not change by saying it again."""
        return next((known for known in self.ledger.of(entry.sub) if known.id == entry.id), entry)

    def _close_product(self, ruleset: Ruleset, journeys: list[Journey], product: str, answer: str) -> int:
        now = self.clock.now()
        todo = [j for j in journeys if j.product == product and ending(ruleset.flows[j.flow], j, now) == "open"]
        closed = 0
        for _ in range(_TRIES):
            written = self.journeys.replace([close(j, answer) for j in todo])
            closed += sum(written)
            again = [(j.sub, j.id) for j, ok in zip(todo, written, strict=True) if not ok]
            todo = [j for j in self.journeys.get(again).values() if j.state == "in"]
            if not todo:
                return closed
        raise Conflict("the journey keeps changing")

    def _move(self, flow: Flow, journey: Journey, ref: TouchRef, answer: Answer, entry: Outcome) -> int:
        for _ in range(_TRIES):
            now = self.clock.now()
            after = answered(flow, journey, ref.wave_tag, ref.attempt, answer, entry.channel, entry.ts, now)
            written = after != journey and self.journeys.replace([after])[0]
            if written or after == journey:
                if _follows(after, ref):
                    self._see_to(flow, after, ref)
                return int(written)
            journey = self.journeys.get([(ref.sub, ref.journey)])[ref.sub, ref.journey]
        raise Conflict("the journey keeps changing")

    def _see_to(self, flow: Flow, journey: Journey, ref: TouchRef) -> None:
        """Send the touch that an outcome led to; join the cohort if the wave that was left is collected by now."""
        self.queues.send(place(self.tokens, [journey]))
        has_moved = journey.state == "in" and wave_tag(journey.wave) != ref.wave_tag
        if has_moved and self.clock.now() >= journey.due - flow.waves[journey.node].window_ms:
            self.cohorts.join_strays([journey])


def _follows(journey: Journey, ref: TouchRef) -> bool:
    """Tell whether the journey stands where this touch's outcome led it: a retry must see to its message."""
    if wave_tag(journey.wave) == ref.wave_tag:
        return journey.attempt == ref.attempt + 1
    return bool(journey.steps) and journey.steps[-1].tag == ref.wave_tag


def _entry(journey: Journey, ref: TouchRef, report: Report, at: int) -> Outcome:
    """Return the ledger's entry. Node and channel are those of the touch's own wave, wherever the journey is now."""
    places = {step.tag: (step.node, step.channel) for step in journey.steps}
    node, channel = places.get(ref.wave_tag, (journey.node, journey.channel))
    return Outcome(
        id=outcome_id(report.touch, report.answer, report.key),
        sub=journey.sub,
        journey=journey.id,
        campaign=journey.campaign,
        product=journey.product,
        node=node,
        wave=ref.wave_tag,
        attempt=ref.attempt,
        channel=report.channel or channel,
        kind=report.answer,
        ts=at,
    )
