"""The report: what the stream brought, who was touched where, what came back, how it ended, what was lost.

Every number is counted from what is stored, so that a report taken twice says the same.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cellwave.domain.flow import Flow
from cellwave.domain.journey import Journey, Step, ending, timed_out, touches
from cellwave.domain.outcomes import Outcome
from cellwave.domain.pages import Lane
from cellwave.domain.ruleset import Ruleset
from cellwave.ports.journeys import Mark

FATES: Final = ("held_out", "suppressed", "expired", "no_capacity", "touched", "waiting")


@dataclass(frozen=True, slots=True)
class Report:
    """Counts by name; times are stream ms.

    `stuck` lists journeys that should have moved on and did not; `unopened` matches that were let in and have no
    journey, as `campaign at trigger time`. Both are empty unless something is lost or under way.
    """

    at: int
    stream: Mapping[str, int]
    matches: Mapping[str, int]
    fates: Mapping[str, int]
    touches: Mapping[tuple[str, str], Mapping[str, int]]
    answers: Mapping[tuple[str, str], int]
    endings: Mapping[str, int]
    stuck: Sequence[str] = field(default=())
    unopened: Sequence[str] = field(default=())

    @property
    def matched(self) -> int:
        """All matches, held out or not."""
        return sum(self.matches.values())


def report(
    ruleset: Ruleset,
    lanes: Iterable[Lane],
    journeys: Iterable[Journey],
    marks: Iterable[Mark],
    outcomes: Iterable[Outcome],
    now: int,
    grace: int = 0,
) -> Report:
    """Count everything at stream time `now`.

    A journey is stuck when its window has been over for longer than `grace` (ms) and a next wave waits for it.
    """
    stream: Counter[str] = Counter()
    for lane in lanes:
        stream.update(lane.counts)
    matches: Counter[str] = Counter()
    fates: Counter[str] = Counter()
    endings: Counter[str] = Counter()
    made: dict[tuple[str, str], Counter[str]] = {}
    stuck = []
    opened = set()
    for journey in journeys:
        flow = ruleset.flows[journey.flow]
        end = ending(flow, journey, now)
        matches[journey.campaign] += 1
        opened.add((journey.sub, journey.campaign, journey.trigger_ts))
        fates[_fate(journey, end)] += 1
        endings[end] += 1
        for step in touches(journey):
            made.setdefault((step.node, step.channel), Counter())[_touch_state(step, journey, now)] += 1
        if end == "open" and _is_stuck(flow, journey, now - grace):
            stuck.append(journey.id)
    answers = Counter((outcome.channel, outcome.kind) for outcome in outcomes)
    unopened = [
        f"{mark.campaign} at {mark.trigger_ts}"
        for mark in marks
        if (mark.sub, mark.campaign, mark.trigger_ts) not in opened
    ]
    return Report(now, stream, matches, fates, made, answers, endings, sorted(stuck), sorted(unopened))


def _fate(journey: Journey, end: str) -> str:
    """Return what became of a match: one of FATES. Answered elsewhere before any touch counts as suppressed."""
    if end == "held_out":
        return "held_out"
    if touches(journey):
        return "touched"
    if end == "open":
        return "waiting"
    return "suppressed" if journey.state == "closed" else "expired"


def _touch_state(step: Step, journey: Journey, now: int) -> str:
    """Return a touch's state; one claimed and never confirmed in its window is unknown, and never sent again."""
    is_over = step.node != journey.node or now >= journey.due or journey.state != "in"
    return "unknown" if step.touch == "claimed" and is_over else step.touch


def _is_stuck(flow: Flow, journey: Journey, by: int) -> bool:
    return by >= journey.due and timed_out(flow, journey) is not None
