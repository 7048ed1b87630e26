"""Outcomes: into the ledger once, then into the journeys that they decide."""

import pytest
from tests.unit.application.world import BEGIN, HOUR, World

from cellwave.application.record_outcome import Report
from cellwave.domain.errors import NotFound
from cellwave.domain.journey import Answer


def opened(world: World, sub: str, name: str = "ringback", is_claimed: bool = True) -> str:
    """Open a journey and return its text's touch."""
    world.open(sub, name=name)
    [touch] = world.take("sms")
    if is_claimed:
        assert world.claim(touch) == "claimed"
    return touch


@pytest.mark.parametrize("answer", ["accepted", "refused"])
def test_accept_and_refuse_close_every_journey_of_the_product_and_of_no_other(
    world: World, subs: list[str], answer: Answer
) -> None:
    touch = opened(world, subs[0])
    opened(world, subs[0], "mall-dwell", is_claimed=False)
    opened(world, subs[0], "data")
    opened(world, subs[1])
    recorded = world.answer(touch, answer, "hotline")
    assert recorded.changed == 2
    states = [world.the(subs[0], name).state for name in ("ringback", "mall-dwell", "data")]
    assert states == ["closed", "closed", "in"]
    assert world.the(subs[1]).state == "in"


def test_an_accept_after_the_journey_has_moved_on_still_closes_it(world: World, subs: list[str]) -> None:
    touch = opened(world, subs[0])
    world.wait_until(BEGIN + 30 * HOUR)
    assert world.the(subs[0]).node == "counter"
    world.answer(touch, "accepted", "sms")
    assert world.the(subs[0]).port == "accepted"


def test_an_answer_on_a_journey_that_ended_closes_the_products_others(world: World, subs: list[str]) -> None:
    touch = opened(world, subs[0])
    world.answer(touch, "accepted", "sms")
    world.open(subs[0], name="mall-dwell")
    world.answer(touch, "refused", "sms")
    assert [world.the(subs[0], name).port for name in ("ringback", "mall-dwell")] == ["accepted", "refused"]


def test_considering_moves_to_the_next_node_at_once_with_the_cohorts_due(world: World, subs: list[str]) -> None:
    touch = opened(world, subs[0])
    opened(world, subs[1])
    world.answer(touch, "considering", "sms")
    assert (world.the(subs[0]).node, world.the(subs[1]).node) == ("counter", "text")
    world.wait_until(BEGIN + 25 * HOUR)
    assert world.the(subs[0]).wave == world.the(subs[1]).wave


def test_undeliverable_sends_the_next_waves_touch_at_once(world: World, subs: list[str]) -> None:
    touch = opened(world, subs[0])
    world.answer(touch, "undeliverable", "sms")
    [call] = world.take("outbound_call")
    assert world.claim(call) == "claimed"
    assert world.claimer.claim(world.ruleset, call).status == "already_claimed"


def test_undeliverable_is_tried_again_while_attempts_are_left_and_then_ends(world: World, subs: list[str]) -> None:
    world.answer(opened(world, subs[0]), "undeliverable", "sms")
    for _ in range(2):
        [call] = world.take("outbound_call")
        assert world.claim(call) == "claimed"
        world.answer(call, "undeliverable", "outbound_call")
    assert world.take("outbound_call") == []
    journey = world.the(subs[0])
    assert (journey.state, journey.port, journey.attempt) == ("ended", "undeliverable", 2)


@pytest.mark.parametrize("answer", ["accepted", "refused", "considering", "undeliverable", "sent", "delivered"])
def test_an_outcome_reported_again_changes_nothing_and_is_kept_once(
    world: World, subs: list[str], answer: Answer
) -> None:
    touch = opened(world, subs[0])
    first = world.answer(touch, answer, "sms")
    journey = world.the(subs[0])
    world.clock.advance(HOUR)
    again = world.answer(touch, answer, "sms")
    assert (first.duplicate, again.duplicate, again.changed) == (False, True, 0)
    assert again.outcome == first.outcome
    assert world.the(subs[0]) == journey
    assert [outcome.ts for outcome in world.ledger.all()] == [BEGIN]


def test_like_answers_with_keys_of_their_own_are_kept_apart(world: World, subs: list[str]) -> None:
    touch = opened(world, subs[0])
    world.answer(touch, "considering", "sms", key="1")
    world.answer(touch, "considering", "sms", key="2")
    assert len(list(world.ledger.all())) == 2
    assert world.the(subs[0]).node == "counter"


def test_a_report_from_the_future_counts_as_said_now(world: World, subs: list[str]) -> None:
    touch = opened(world, subs[0])
    world.recorder.record(world.ruleset, Report(touch, "considering", "sms", at=BEGIN + 99 * HOUR))
    assert world.the(subs[0]).interest == BEGIN


def test_considering_after_the_window_is_kept_and_noted_and_moves_nothing(world: World, subs: list[str]) -> None:
    touch = opened(world, subs[0])
    world.wait_until(BEGIN + 30 * HOUR)
    before = world.the(subs[0])
    world.answer(touch, "considering", "sms")
    after = world.the(subs[0])
    assert (after.wave, after.node, after.interest) == (before.wave, "counter", BEGIN + 30 * HOUR)
    [outcome] = world.ledger.all()
    assert (outcome.node, outcome.channel, outcome.kind) == ("text", "sms", "considering")


def test_an_outcome_bears_the_node_and_channel_of_its_own_touch(world: World, subs: list[str]) -> None:
    touch = opened(world, subs[0])
    world.answer(touch, "considering", "sms")
    [offer] = world.desk.offers(world.ruleset, subs[0], "web")
    world.answer(offer.touch, "considering", "web")
    world.answer(touch, "delivered")
    found = {(outcome.node, outcome.channel, outcome.kind) for outcome in world.ledger.all()}
    assert found == {("text", "sms", "considering"), ("counter", "web", "considering"), ("text", "sms", "delivered")}


def test_an_outcome_between_the_windows_end_and_the_collecting_moves_nothing_and_the_cohort_goes_on(
    world: World, subs: list[str]
) -> None:
    touch = opened(world, subs[0])
    world.machine.settle()
    world.clock.advance(24 * HOUR)
    world.answer(touch, "considering", "sms")
    assert world.the(subs[0]).node == "text"
    world.machine.settle()
    journey = world.the(subs[0])
    assert (journey.node, journey.steps[0].port, journey.interest) == ("counter", "no_response", BEGIN + 24 * HOUR)


def test_a_touch_that_does_not_exist_is_not_found_and_leaves_no_trace(world: World, subs: list[str]) -> None:
    with pytest.raises(NotFound):
        world.answer("made-up", "accepted", "sms")
    assert list(world.ledger.all()) == []


def test_an_answer_that_races_another_writer_is_decided_again(world: World, subs: list[str]) -> None:
    touch = opened(world, subs[0])

    def at_journey() -> None:
        world.faults.hook = lambda: world.answer(touch, "delivered", "sms")

    world.faults.hook = at_journey
    world.answer(touch, "considering", "sms")
    journey = world.the(subs[0])
    assert (journey.node, journey.steps[0].touch) == ("counter", "delivered")


def test_an_accept_leaves_journeys_as_they_ended_long_ago(world: World, subs: list[str]) -> None:
    opened(world, subs[0])
    world.wait_until(BEGIN + 500 * HOUR)
    assert world.report().endings == {"context_expired": 1}, "nobody claimed the call"
    before = world.the(subs[0])
    world.open(subs[0], name="mall-dwell", ts=world.clock.now())
    [touch] = [touch for touch in world.take("sms") if world.claim(touch) == "claimed"]
    assert world.answer(touch, "accepted", "sms").changed == 1
    assert world.the(subs[0]) == before
