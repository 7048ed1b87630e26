"""Opening journeys: the first touch at once, each match once, the cohort that knows every member."""

from datetime import UTC, datetime

import pytest
from tests.unit.application.faults import crash_at
from tests.unit.application.machine import Crash
from tests.unit.application.world import BEGIN, HOUR, MINUTE, World

from cellwave.domain.campaign import Match
from cellwave.domain.identifiers import journey_id


def test_the_first_touch_leaves_at_once(world: World, subs: list[str]) -> None:
    [journey] = world.open(subs[0])
    [touch] = world.take("sms")
    assert (journey.state, journey.touch, journey.node) == ("in", "queued", "text")
    ref = world.tokens.open(touch)
    assert (ref.sub, ref.journey, ref.attempt) == (subs[0], journey.id, 1)


def test_a_match_opened_again_makes_one_journey_and_one_touch(world: World, subs: list[str]) -> None:
    first = world.open(subs[0])
    again = world.open(subs[0])
    assert first == again
    assert [journey.id for journey in world.journeys.all()] == [journey_id("ringback", subs[0], BEGIN)]
    assert len(set(world.take("sms"))) == 1
    assert len(world.noted.executions) == 1


def test_once_means_once_ever(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    world.wait_until(BEGIN + 300 * HOUR)
    assert world.open(subs[0]) == []


def test_a_trigger_enters_again_when_the_period_is_over_to_the_millisecond(world: World, subs: list[str]) -> None:
    world.open(subs[0], name="mall-dwell")
    assert world.open(subs[0], name="mall-dwell", ts=BEGIN + 24 * HOUR - 1) == []
    assert len(world.open(subs[0], name="mall-dwell", ts=BEGIN + 24 * HOUR)) == 1


def test_matches_of_one_batch_enter_in_the_order_in_which_they_fired(world: World, subs: list[str]) -> None:
    at = (BEGIN, BEGIN + HOUR, BEGIN + 24 * HOUR, BEGIN + 48 * HOUR)
    world.clock.advance(48 * HOUR)
    matches = [Match("mall-dwell", subs[0], ts, held_out=False) for ts in at]
    opened = world.opener.open(world.ruleset, matches)
    assert [journey.trigger_ts for journey in opened] == [at[0], at[2], at[3]]


def test_a_held_out_match_is_recorded_contacted_by_nobody_and_waits_in_no_cohort(world: World, subs: list[str]) -> None:
    [journey] = world.open(subs[0], held_out=True)
    assert journey.state == "held_out"
    assert (world.take("sms"), world.noted.executions, world.objects.keys("cohorts/")) == ([], {}, [])
    world.wait_until(BEGIN + 300 * HOUR)
    assert world.report().endings == {"held_out": 1}
    for channel in ("counter", "hotline", "web", "app"):
        assert world.desk.offers(world.ruleset, subs[0], channel) == []


def test_a_held_out_match_starts_a_period_like_any_other(world: World, subs: list[str]) -> None:
    world.open(subs[0], held_out=True)
    assert world.open(subs[0], ts=BEGIN + HOUR) == []


def test_a_match_that_comes_too_late_ends_as_context_expired_without_a_touch(world: World, subs: list[str]) -> None:
    [journey] = world.open(subs[0], ts=BEGIN - 24 * HOUR)
    assert (journey.state, journey.port) == ("ended", "context_expired")
    assert (world.take("sms"), world.noted.executions) == ([], {})
    assert world.report().fates == {"expired": 1}


def test_one_execution_a_bucket_however_many_campaigns_and_batches(world: World, subs: list[str]) -> None:
    for number, sub in enumerate(subs):
        world.open(sub, name=("ringback", "data")[number % 2], ts=BEGIN + 1 + number * MINUTE)
    [execution] = world.noted.executions.values()
    assert execution["due_ms"] == BEGIN + 24 * HOUR + 15 * MINUTE
    assert execution["due"] == iso(execution["due_ms"])
    assert "members" not in execution


def test_a_straggler_after_the_gathering_gets_an_execution_of_its_own(world: World, subs: list[str]) -> None:
    """Its batch crashed before the cohort was joined and came back after the cohort had been gathered."""
    world.open(subs[0], ts=BEGIN)
    with pytest.raises(Crash):
        crash_at(world.faults, "put_new", lambda: world.open(subs[1], ts=BEGIN))
    for touch in world.take("sms"):
        assert world.claim(touch) == "claimed"
    world.wait_until(BEGIN + 25 * HOUR)
    assert [world.the(sub).node for sub in subs[:2]] == ["counter", "text"]
    world.open(subs[1], ts=BEGIN)
    world.wait_until(BEGIN + 25 * HOUR)
    assert [world.the(sub).node for sub in subs[:2]] == ["counter", "counter"]
    assert world.the(subs[0]).wave == world.the(subs[1]).wave
    world.wait_until(BEGIN + 400 * HOUR)
    assert world.report().stuck == []
    assert [world.the(sub).node for sub in subs[:2]] == ["call", "call"]


@pytest.mark.parametrize("effect", ["send", "put_new", "start"])
def test_one_answered_before_its_crashed_batch_came_back_is_a_member_all_the_same(
    world: World, subs: list[str], effect: str
) -> None:
    with pytest.raises(Crash):
        crash_at(world.faults, effect, lambda: world.open(subs[0], ts=BEGIN), after=effect == "send")
    [touch] = world.take("sms")
    world.claim(touch)
    world.answer(touch, "considering", "sms")
    world.open(subs[0], ts=BEGIN)
    world.wait_until(BEGIN + 25 * HOUR + 72 * HOUR)
    assert world.the(subs[0]).path == ("text", "counter", "call")
    assert world.report().stuck == []


def iso(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
