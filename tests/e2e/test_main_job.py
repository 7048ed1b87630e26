"""The main job, end to end: signalling in, matches, three waves, answers, a report that balances."""

from tests.e2e.main_job import POISON, MainJob

from cellwave_ops.operations import depth, stack_status
from cellwave_ops.stack import Stack


def test_the_deployed_matcher_finds_what_the_offline_one_finds(main_job: MainJob) -> None:
    offline = {(m["campaign"], m["sub"], m["trigger_ts"], m["held_out"]) for m in main_job.offline}
    deployed = [(j.campaign, j.sub, j.trigger_ts, j.state == "held_out") for j in main_job.journeys]

    assert len(offline) > 20
    assert any(held_out for *_, held_out in offline)
    assert set(deployed) == offline
    assert len(deployed) == len(offline)


def test_every_event_that_was_sent_was_taken(main_job: MainJob) -> None:
    assert main_job.replayed.events > 500
    assert main_job.replayed.tally.fates["malformed"] > 0  # the town's noise is among the lines
    assert main_job.report.stream["events"] >= main_job.replayed.events


def test_every_journey_ends_and_the_report_balances(main_job: MainJob) -> None:
    counted = main_job.report

    assert counted.matched == len(main_job.offline)
    assert not counted.unopened
    assert not counted.stuck
    assert not counted.endings.get("open")
    assert not counted.fates.get("waiting")
    assert counted.fates["touched"] > 0


def test_all_three_waves_touch_somebody(main_job: MainJob) -> None:
    assert {node for node, _ in main_job.report.touches} == {"text", "counter", "call"}


def test_every_text_and_call_that_left_was_claimed_once(main_job: MainJob) -> None:
    for channel in ("sms", "outbound_call"):
        claimed = main_job.crew[channel].get("claimed", 0)
        counted = [states for (_, where), states in main_job.report.touches.items() if where == channel]
        assert claimed == sum(sum(states.values()) for states in counted) > 0
        assert main_job.crew[channel].get("failed", 0) == 0


def test_poison_ends_in_the_dead_letter_queue_where_status_shows_it(stack: Stack, main_job: MainJob) -> None:
    assert depth(stack, stack.channel_dlqs["sms"]) == len(POISON)
    assert stack_status(stack)["dead_letters"]["sms"] == len(POISON)


def test_touches_behind_poison_are_delivered(main_job: MainJob) -> None:
    assert main_job.crew["sms"]["sent"] > 0
    assert main_job.poison_left == 0
