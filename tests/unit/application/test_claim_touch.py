"""The claim: the last look, and the only way to a number and a text."""

from dataclasses import replace

import pytest
from tests.unit.application.world import BEGIN, HOUR, World

from cellwave.domain.errors import NotFound
from cellwave.domain.journey import CLAIM_MARGIN_MS, Answer


def test_a_claim_returns_the_number_and_the_approved_words(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    [touch] = world.take("sms")
    claimed = world.claimer.claim(world.ruleset, touch)
    assert (claimed.status, claimed.channel, claimed.text) == ("claimed", "sms", "Half price!")
    assert claimed.number == world.vault.number(subs[0])


def test_a_touch_is_claimed_once_however_often_its_message_comes(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    world.open(subs[0])
    verdicts = [world.claim(touch) for touch in world.take("sms")]
    assert verdicts == ["claimed", "already_claimed"]


@pytest.mark.parametrize("verdict", ["already_claimed", "expired", "revoked"])
def test_no_other_verdict_tells_a_number_or_a_text(world: World, subs: list[str], verdict: str) -> None:
    world.open(subs[0])
    [touch] = world.take("sms")
    if verdict == "already_claimed":
        world.claim(touch)
    elif verdict == "expired":
        world.clock.advance(24 * HOUR)
    else:
        world.answer(touch, "refused", "sms")
    claimed = world.claimer.claim(world.ruleset, touch)
    assert (claimed.status, claimed.channel, claimed.number, claimed.text) == (verdict, "", "", "")


@pytest.mark.parametrize("answer", ["accepted", "refused"])
@pytest.mark.parametrize("channel", ["counter", "web", "sms"])
def test_an_answer_on_any_channel_revokes_what_is_queued_for_the_product(
    world: World, subs: list[str], answer: Answer, channel: str
) -> None:
    world.open(subs[0])
    world.open(subs[0], name="mall-dwell")
    world.open(subs[0], name="data")
    first, second, other = world.take("sms")
    world.answer(first, answer, channel)
    assert [world.claim(touch) for touch in (first, second)] == ["revoked", "revoked"]
    assert world.claim(other) == "claimed"


def test_a_claim_before_a_refusal_wins(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    [touch] = world.take("sms")
    assert world.claim(touch) == "claimed"
    world.answer(touch, "refused", "counter")
    assert world.the(subs[0]).touch == "claimed"


def test_a_refusal_written_while_a_claim_is_looking_wins(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    [touch] = world.take("sms")
    world.faults.hook = lambda: world.answer(touch, "refused", "counter")
    assert world.claim(touch) == "revoked"


def test_of_two_claims_that_race_one_wins(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    [touch] = world.take("sms")
    other: list[str] = []
    world.faults.hook = lambda: other.append(world.claim(touch))
    assert (world.claim(touch), other) == ("already_claimed", ["claimed"])


def test_a_claim_whose_write_came_after_the_window_is_given_back(world: World, subs: list[str]) -> None:
    """Else it could come after its cohort was collected as never claimed, and no wave would take it on."""
    world.open(subs[0])
    [touch] = world.take("sms")
    world.clock.advance(24 * HOUR - CLAIM_MARGIN_MS - 1)
    world.machine.settle()

    def window_ends() -> None:
        world.clock.advance(CLAIM_MARGIN_MS + 1)
        world.machine.settle()

    world.faults.hook = window_ends
    claimed = world.claimer.claim(world.ruleset, touch)
    assert (claimed.status, claimed.number) == ("expired", "")
    world.wait_until(BEGIN + 400 * HOUR)
    assert world.report().stuck == []
    assert world.report().endings == {"context_expired": 1}


def test_an_older_attempt_is_revoked_once_the_next_one_is_queued(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    [text] = world.take("sms")
    world.claim(text)
    world.answer(text, "undeliverable", "sms")
    [first] = world.take("outbound_call")
    world.claim(first)
    world.answer(first, "undeliverable", "outbound_call")
    [second] = world.take("outbound_call")
    assert [world.claim(touch) for touch in (text, first, second)] == ["revoked", "revoked", "claimed"]


def test_a_touch_that_does_not_exist_is_not_found(world: World, subs: list[str]) -> None:
    with pytest.raises(NotFound):
        world.claim("made-up")


def test_a_claim_that_cannot_be_answered_is_not_made(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    [touch] = world.take("sms")
    claimer = replace(world.claimer, vault=type(world.vault)())
    with pytest.raises(NotFound):
        claimer.claim(world.ruleset, touch)
    assert world.claim(touch) == "claimed"


def test_a_message_that_was_lost_leaves_the_journey_to_expire_not_to_hang(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    world.take("sms")
    world.wait_until(BEGIN + 400 * HOUR)
    assert (world.report().endings, world.report().fates) == ({"context_expired": 1}, {"expired": 1})
