"""The demo's judge: every check fails when its figure is off, and what is lost is counted."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.application.world import BEGIN, World, subscribers

from cellwave.application.report import Report
from cellwave.domain.identifiers import wave_tag
from cellwave.domain.journey import Journey, close, enter
from cellwave.domain.outcomes import Outcome
from cellwave_ops.demo.judge import Check, Evidence, Judgement, count_ends, gather, judge

MATCHES = frozenset({("ringback", f"sub-{n}", 100 + n, False) for n in range(10)})
REPORT = Report(
    at=BEGIN,
    stream={"events": 1_000, "records": 10},
    matches={"ringback": 10},
    fates={"touched": 7, "held_out": 1, "expired": 1, "suppressed": 1},
    touches={("text", "sms"): {"sent": 6, "failed": 1}, ("counter", "web"): {"shown": 2}},
    answers={("sms", "accepted"): 3},
    endings={"accepted": 3, "no_response": 4, "held_out": 1, "context_expired": 2},
)
GOOD = Evidence(
    report=REPORT,
    sent=1_000,
    expected=MATCHES,
    deployed=MATCHES,
    ends={"answered": 4, "answered_elsewhere": 1, "timed_out": 4, "open": 0},
    claims=7,
    malformed=3,
    quarantined=3,
    poison=2,
    dead_letters=2,
    queued=0,
    given_up=0,
)


def off(**changes: Any) -> Evidence:
    return replace(GOOD, **changes)


def told(**changes: Any) -> Evidence:
    return replace(GOOD, report=replace(REPORT, **changes))


def streamed(**changes: int) -> Evidence:
    return told(stream={**REPORT.stream, **changes})


def failing(seen: Evidence) -> list[str]:
    return [check.name for check in judge(seen).checks if not check.holds]


def test_where_all_is_well_every_check_holds_and_nothing_is_lost() -> None:
    verdict = judge(GOOD)
    assert failing(GOOD) == []
    assert verdict.holds
    assert verdict.lost == 0


@pytest.mark.parametrize(
    ("seen", "check", "lost"),
    [
        (off(sent=1_004), "every event sent was taken, once", 4),
        (off(sent=999), "every event sent was taken, once", 0),
        (streamed(events=998, rejected=2), "none was refused, late or ahead of its clock", 2),
        (streamed(late=5), "none was refused, late or ahead of its clock", 5),
        (streamed(ahead=1), "none was refused, late or ahead of its clock", 1),
        (off(quarantined=2), "malformed records are quarantined", 0),
        (off(quarantined=4), "malformed records are quarantined", 0),
        (
            off(expected=MATCHES | {("ringback", "another", 1, False)}),
            "deployed and offline matches are the same",
            1,
        ),
        (off(expected=frozenset(list(MATCHES)[1:])), "deployed and offline matches are the same", 0),
        (off(expected=frozenset(), deployed=frozenset()), "there were matches", 0),
        (
            told(fates={**REPORT.fates, "touched": 6}),
            "every match is held out, suppressed, expired, without capacity or touched",
            0,
        ),
        (
            told(fates={**REPORT.fates, "touched": 6, "waiting": 1}),
            "every match is held out, suppressed, expired, without capacity or touched",
            0,
        ),
        (told(endings={**REPORT.endings, "no_response": 3, "open": 1}), "every journey has ended", 0),
        (told(stuck=["a-journey"]), "every journey has ended", 1),
        (off(ends={**GOOD.ends, "timed_out": 2, "open": 2}), "every touch has an outcome or a timeout", 2),
        (off(ends={**GOOD.ends, "timed_out": 5}), "every touch has an outcome or a timeout", 0),
        (off(claims=8), "every claim is a touch in the report", 0),
        (off(claims=6), "every claim is a touch in the report", 0),
        (off(dead_letters=5), "poison lies in the dead-letter queue, nothing else", 3),
        (off(dead_letters=1), "poison lies in the dead-letter queue, nothing else", 0),
        (off(queued=2), "no message waits", 2),
        (off(given_up=1), "no batch or tick was given up", 1),
    ],
)
def test_a_check_fails_when_its_figure_is_off(seen: Evidence, check: str, lost: int) -> None:
    assert check in failing(seen)
    verdict = judge(seen)
    assert verdict.lost == lost
    assert not verdict.holds


def test_every_check_is_proven_to_fail() -> None:
    marks = test_a_check_fails_when_its_figure_is_off.pytestmark  # type: ignore[attr-defined]
    proven = {case[1] for case in marks[0].args[1]}
    assert {check.name for check in judge(GOOD).checks} == proven


def test_what_is_lost_fails_even_if_every_check_held() -> None:
    assert not Judgement([Check("odd", True, "", lost=1)], {}).holds


class TestTouches:
    """What came of every touch that was made."""

    @pytest.fixture
    def journey(self) -> Journey:
        """A journey whose text was sent."""
        world = World()
        [sub, *_] = subscribers(6)
        world.publish(subs=[sub])
        [journey] = world.open(sub)
        self.flow = world.ruleset.flows[journey.flow]
        return replace(journey, touch="sent")

    def answer(self, journey: Journey, kind: str, attempt: int = 1, wave: str = "") -> Outcome:
        return Outcome(
            f"{kind}-{attempt}",
            journey.sub,
            journey.id,
            journey.campaign,
            journey.product,
            journey.node,
            wave or wave_tag(journey.wave),
            attempt,
            "sms",
            kind,
            BEGIN,
        )

    def ends(self, journey: Journey, *outcomes: Outcome, now: int = BEGIN) -> Mapping[str, int]:
        return {name: count for name, count in count_ends([journey], outcomes, now).items() if count}

    def test_an_answer_to_it_counts_whatever_the_journey_does(self, journey: Journey) -> None:
        said = self.answer(journey, "accepted")
        assert self.ends(close(journey, "accepted"), said) == {"answered": 1}
        assert self.ends(journey, self.answer(journey, "considering")) == {"answered": 1}

    def test_a_delivery_report_is_no_answer(self, journey: Journey) -> None:
        reports = (self.answer(journey, "sent"), self.answer(journey, "delivered"))
        assert self.ends(journey, *reports) == {"open": 1}

    def test_its_window_over_without_an_answer_is_a_timeout(self, journey: Journey) -> None:
        assert self.ends(journey, now=journey.due - 1) == {"open": 1}
        assert self.ends(journey, now=journey.due) == {"timed_out": 1}
        assert self.ends(enter(self.flow, journey, "counter", "no_response")) == {"timed_out": 1}

    def test_closed_by_an_answer_on_another_touch_is_told_apart(self, journey: Journey) -> None:
        assert self.ends(close(journey, "refused")) == {"answered_elsewhere": 1}

    def test_a_wave_left_by_an_answer_that_the_ledger_lacks_is_open(self, journey: Journey) -> None:
        moved = enter(self.flow, journey, "counter", "considering")
        assert self.ends(moved) == {"open": 1}
        assert self.ends(moved, self.answer(journey, "considering")) == {"answered": 1}

    def test_each_attempt_is_a_touch_of_its_own(self, journey: Journey) -> None:
        second = replace(journey, attempt=2)
        failed = self.answer(journey, "undeliverable")
        assert self.ends(second, failed) == {"answered": 1, "open": 1}
        assert self.ends(second, failed, self.answer(journey, "accepted", attempt=2)) == {"answered": 2}

    def test_what_was_never_made_is_no_touch(self, journey: Journey) -> None:
        assert self.ends(replace(journey, touch="queued")) == {}


def test_evidence_is_gathered_from_stack_file_and_crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    subs = subscribers(6)
    world.publish(subs=subs)
    [first] = world.open(subs[0])
    [second] = world.open(subs[1], held_out=True)
    depths = {"dlq": 2, "dlq2": 1, "q": 3, "failures": 1, "ticks": 4}
    monkeypatch.setattr("cellwave_ops.demo.judge.depth", lambda stack, url: depths[url])
    wiring = SimpleNamespace(
        journeys=world.journeys, ledger=world.ledger, objects=SimpleNamespace(keys=lambda prefix: [prefix] * 3)
    )
    stack: Any = SimpleNamespace(
        wiring=wiring,
        outputs={"MatcherFailuresQueue": "failures", "TickFailuresQueue": "ticks"},
        channel_dlqs={"sms": "dlq", "push": "dlq2"},
        channel_queues={"sms": "q"},
    )
    offline = tmp_path / "matches.jsonl"
    offline.write_text('{"campaign": "c", "sub": "s", "trigger_ts": 1, "held_out": true}\n', encoding="utf-8")
    replayed: Any = SimpleNamespace(events=12)
    crew = {"sms": {"claimed": 2, "sent": 2}, "outbound_call": {"claimed": 1}, "front": {"visits": 9}}
    seen = gather(stack, REPORT, replayed, offline, crew, 2, 3)
    assert seen == Evidence(
        report=REPORT,
        sent=12,
        expected={("c", "s", 1, True)},
        deployed={
            (first.campaign, first.sub, first.trigger_ts, False),
            (second.campaign, second.sub, second.trigger_ts, True),
        },
        ends={"answered": 0, "answered_elsewhere": 0, "timed_out": 0, "open": 0},
        claims=3,
        malformed=3,
        quarantined=3,
        poison=2,
        dead_letters=3,
        queued=3,
        given_up=5,
    )
