"""Judge a demo: sums that must agree, and what was lost."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellwave.application.report import FATES, Report
from cellwave_ops.operations import depth
from cellwave_ops.sources.replay import ReplayResult
from cellwave_ops.stack import Stack


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, and what was seen."""

    name: str
    holds: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """All checks, and how many events, matches, journeys and messages were lost."""

    checks: Sequence[Check]
    lost: int

    @property
    def holds(self) -> bool:
        """Tell whether nothing was lost and every sum agrees."""
        return self.lost == 0 and all(check.holds for check in self.checks)


def judge(
    stack: Stack,
    report: Report,
    replayed: ReplayResult,
    offline: Path,
    crew: Mapping[str, Mapping[str, int]],
    poison: int,
    malformed: int,
) -> Judgement:
    """Compare what was sent, matched offline, matched by the deployed matcher, touched and answered."""
    stream = report.stream
    taken = stream.get("events", 0) + stream.get("rejected", 0)
    expected = {_match_key(json.loads(line)) for line in offline.read_text().splitlines()}
    deployed = _deployed_matches(stack)
    dead = sum(depth(stack, url) for url in stack.channel_dlqs.values())
    failed = depth(stack, stack.outputs["MatcherFailuresQueue"])
    open_ends = report.endings.get("open", 0)
    quarantined = len(stack.wiring.objects.keys("quarantine/"))
    claimed = sum(counts.get("claimed", 0) for counts in crew.values())
    sent = _active_touches(report)
    fates = {fate: report.fates.get(fate, 0) for fate in FATES if report.fates.get(fate)}
    checks = [
        Check("every event sent was taken", taken == replayed.events, f"{taken:,} of {replayed.events:,}"),
        Check(
            "deployed and offline matches are the same",
            deployed == expected,
            f"{len(deployed):,} and {len(expected):,}, {len(deployed ^ expected):,} differ",
        ),
        Check("there were matches", bool(expected), f"{len(expected):,}"),
        Check("every match has one fate", report.is_balanced and not report.fates.get("waiting"), str(fates)),
        Check("every journey has ended", open_ends == 0 and not report.stuck, f"{open_ends} open"),
        Check("every claim is a touch in the report", claimed == sent, f"{claimed:,} claims, {sent:,} touches"),
        Check("malformed records are quarantined", quarantined >= malformed, f"{quarantined}"),
        Check("poison lies in the dead-letter queue, nothing else", dead == poison, f"{dead} of {poison}"),
        Check("no batch was given up", failed == 0, f"{failed}"),
    ]
    lost = max(0, replayed.events - taken) + len(expected - deployed) + len(report.stuck) + failed
    return Judgement(checks, lost + max(0, dead - poison))


def _match_key(line: Mapping[str, object]) -> tuple[object, ...]:
    return line["campaign"], line["sub"], line["trigger_ts"], line["held_out"]


def _deployed_matches(stack: Stack) -> set[tuple[object, ...]]:
    return {(j.campaign, j.sub, j.trigger_ts, j.state == "held_out") for j in stack.wiring.journeys.all()}


def _active_touches(report: Report) -> int:
    """Return how many active touches were claimed, by the report."""
    active = {"sms", "mms", "push", "email", "outbound_call"}
    return sum(sum(states.values()) for (_, channel), states in report.touches.items() if channel in active)
