"""Judge a demo: sums that must agree, and what was lost."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cellwave.application.report import FATES, Report
from cellwave.domain.flow import ACTIVE_CHANNELS
from cellwave.domain.identifiers import wave_tag
from cellwave.domain.journey import Journey, Step, touches
from cellwave.domain.outcomes import Outcome
from cellwave_ops.operations import depth
from cellwave_ops.sources.replay import ReplayResult
from cellwave_ops.stack import Stack

ENDS: Final = ("answered", "answered_elsewhere", "timed_out", "open")
"""What came of a touch: an answer to it; an accept or a refuse on another touch, which closed it; its window's end;
nothing yet."""

_ANSWERS: Final = ("accepted", "refused", "considering", "undeliverable")

MatchKey = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was sent and what was found. `ends` counts the touches made by ENDS; the rest are counts too."""

    report: Report
    sent: int
    expected: Set[MatchKey]
    deployed: Set[MatchKey]
    ends: Mapping[str, int]
    claims: int
    malformed: int
    quarantined: int
    poison: int
    dead_letters: int
    queued: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, what was seen, and how many events, matches, touches or messages it shows lost."""

    name: str
    holds: bool
    seen: str
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """All checks, and what came of the touches."""

    checks: Sequence[Check]
    ends: Mapping[str, int]

    @property
    def lost(self) -> int:
        """How many events, matches, journeys, touches and messages were lost."""
        return sum(check.lost for check in self.checks)

    @property
    def holds(self) -> bool:
        """Tell whether nothing was lost and every sum agrees."""
        return self.lost == 0 and all(check.holds for check in self.checks)


def gather(
    stack: Stack,
    report: Report,
    replayed: ReplayResult,
    offline: Path,
    crew: Mapping[str, Mapping[str, int]],
    poison: int,
    malformed: int,
) -> Evidence:
    """Look at the stack, at the file of offline matches and at what the channel systems counted."""
    journeys = list(stack.wiring.journeys.all())
    failures = (stack.outputs["MatcherFailuresQueue"], stack.outputs["TickFailuresQueue"])
    return Evidence(
        report=report,
        sent=replayed.events,
        expected={_match_key(json.loads(line)) for line in offline.read_text(encoding="utf-8").splitlines()},
        deployed={(j.campaign, j.sub, j.trigger_ts, j.state == "held_out") for j in journeys},
        ends=count_ends(journeys, stack.wiring.ledger.all(), report.at),
        claims=sum(counts.get("claimed", 0) for counts in crew.values()),
        malformed=malformed,
        quarantined=len(stack.wiring.objects.keys("quarantine/")),
        poison=poison,
        dead_letters=sum(depth(stack, url) for url in stack.channel_dlqs.values()),
        queued=sum(depth(stack, url) for url in stack.channel_queues.values()),
        given_up=sum(depth(stack, url) for url in failures),
    )


def judge(seen: Evidence) -> Judgement:
    """Compare what was sent, matched offline, matched by the deployed matcher, touched and answered."""
    return Judgement([*_stream_checks(seen), *_journey_checks(seen), *_queue_checks(seen)], seen.ends)


def count_ends(journeys: Iterable[Journey], outcomes: Iterable[Outcome], now: int) -> dict[str, int]:
    """Count the touches that were made by what came of them (ENDS), as of stream time `now` (ms)."""
    answered = {(o.journey, o.wave, o.attempt) for o in outcomes if o.kind in _ANSWERS}
    ends: Counter[str] = Counter()
    for journey in journeys:
        for step in touches(journey):
            has_answer = (journey.id, step.tag, step.attempts) in answered
            ends["answered" if has_answer else _end_without_answer(step, journey, now)] += 1
    return {name: ends[name] for name in ENDS}


def _end_without_answer(step: Step, journey: Journey, now: int) -> str:
    if step.tag != wave_tag(journey.wave):
        return "timed_out" if step.port == "no_response" else "open"
    if journey.state == "closed":
        return "answered_elsewhere"
    return "timed_out" if now >= journey.due else "open"


def _stream_checks(seen: Evidence) -> list[Check]:
    stream = seen.report.stream
    taken = stream.get("events", 0) + stream.get("rejected", 0)
    aside = stream.get("rejected", 0) + stream.get("ahead", 0)
    refused = aside + stream.get("late", 0)
    differ = len(seen.deployed ^ seen.expected)
    return [
        Check(
            "every event sent was taken, once",
            taken == seen.sent,
            f"{taken:,} of {seen.sent:,}",
            max(0, seen.sent - taken),
        ),
        Check("none was refused, late or ahead of its clock", refused == 0, f"{refused:,}", refused),
        Check("malformed records are quarantined", seen.quarantined == seen.malformed + aside, f"{seen.quarantined}"),
        Check(
            "deployed and offline matches are the same",
            differ == 0,
            f"{len(seen.deployed):,} and {len(seen.expected):,}, {differ:,} differ",
            len(seen.expected - seen.deployed),
        ),
        Check("there were matches", bool(seen.expected), f"{len(seen.expected):,}"),
    ]


def _journey_checks(seen: Evidence) -> list[Check]:
    report = seen.report
    fates = {fate: report.fates.get(fate, 0) for fate in FATES}
    running = report.endings.get("open", 0)
    made = sum(sum(states.values()) for states in report.touches.values())
    ended = sum(count for name, count in seen.ends.items() if name != "open")
    active = sum(sum(states.values()) for (_, name), states in report.touches.items() if name in ACTIVE_CHANNELS)
    return [
        Check(
            "every match is held out, suppressed, expired, without capacity or touched",
            not report.unopened and sum(fates.values()) - fates["waiting"] == len(seen.expected),
            f"{sum(fates.values()) - fates['waiting']:,} of {len(seen.expected):,}",
            len(report.unopened),
        ),
        Check(
            "every journey has ended",
            running == 0 and not report.stuck,
            f"{running:,} open, {len(report.stuck):,} of them stuck",
            len(report.stuck),
        ),
        Check(
            "every touch has an outcome or a timeout",
            made == ended and seen.ends["open"] == 0,
            f"{ended:,} of {made:,}: {_listed(seen.ends)}",
            max(0, made - ended),
        ),
        Check("every claim is a touch in the report", seen.claims == active, f"{seen.claims:,} and {active:,}"),
    ]


def _queue_checks(seen: Evidence) -> list[Check]:
    return [
        Check(
            "poison lies in the dead-letter queue, nothing else",
            seen.dead_letters == seen.poison,
            f"{seen.dead_letters:,} of {seen.poison:,}",
            max(0, seen.dead_letters - seen.poison),
        ),
        Check("no message waits", seen.queued == 0, f"{seen.queued:,}", seen.queued),
        Check("no batch or tick was given up", seen.given_up == 0, f"{seen.given_up:,}", seen.given_up),
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)


def _match_key(line: Mapping[str, object]) -> MatchKey:
    return line["campaign"], line["sub"], line["trigger_ts"], line["held_out"]
