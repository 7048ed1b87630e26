"""Offers at passive channels: interest first, each product once, shown before it is told."""

from dataclasses import replace

import pytest
from tests.unit.application.world import HOUR, World, campaign

from cellwave.application.publish import Publication, publish
from cellwave.domain.flow import Flow, Wave

DESK = Flow("desk", 0, "desk", {"desk": Wave("desk", ("counter", "web"), "rbt-counter", 48)})


@pytest.fixture
def desk(world: World) -> World:
    """The world with three passive campaigns of two products."""
    campaigns = [
        campaign("low", flow="desk", product="tone", priority=10),
        campaign("high", flow="desk", product="data", priority=90),
        campaign("same", flow="desk", product="data", priority=80),
    ]
    publish(world.registry, world.clock, Publication(campaigns, [DESK]), counts_from=0)
    return world


def test_offers_come_by_priority_and_each_product_once(desk: World, subs: list[str]) -> None:
    for name in ("low", "high", "same"):
        desk.open(subs[0], name=name)
    offers = desk.desk.offers(desk.ruleset, subs[0], "counter")
    assert [(offer.campaign, offer.product, offer.considering) for offer in offers] == [
        ("high", "data", False),
        ("low", "tone", False),
    ]
    assert (offers[0].text, offers[0].offer) == ("Offer it.", "half-price")


def test_what_the_subscriber_was_considering_comes_first_on_any_passive_channel(desk: World, subs: list[str]) -> None:
    desk.open(subs[0], name="high")
    desk.open(subs[0])
    [touch] = desk.take("sms")
    desk.claim(touch)
    desk.answer(touch, "considering", "sms")
    first, second = desk.desk.offers(desk.ruleset, subs[0], "counter")
    assert (first.campaign, first.considering, second.campaign) == ("ringback", True, "high")
    [again] = desk.desk.offers(desk.ruleset, subs[0], "app")
    assert again.campaign == "ringback"


def test_an_offer_told_is_written_as_shown_first(desk: World, subs: list[str]) -> None:
    desk.open(subs[0], name="low")
    desk.desk.offers(desk.ruleset, subs[0], "web")
    journey = desk.the(subs[0], "low")
    assert (journey.touch, journey.channel) == ("shown", "web")
    revision = journey.revision
    desk.desk.offers(desk.ruleset, subs[0], "counter")
    assert desk.the(subs[0], "low").revision == revision
    assert desk.report().touches == {("desk", "web"): {"shown": 1}}


def test_the_product_left_out_is_not_counted_as_shown(desk: World, subs: list[str]) -> None:
    for name in ("high", "same"):
        desk.open(subs[0], name=name)
    desk.desk.offers(desk.ruleset, subs[0], "counter")
    assert desk.the(subs[0], "same").touch == "open"


def test_an_offer_whose_journey_is_closed_meanwhile_is_left_out(desk: World, subs: list[str]) -> None:
    desk.open(subs[1], name="low")
    [offer] = desk.desk.offers(desk.ruleset, subs[1], "counter")
    desk.answer(offer.touch, "refused", "counter")
    assert desk.desk.offers(desk.ruleset, subs[1], "counter") == []

    desk.open(subs[2], name="low")
    ref = desk.the(subs[2], "low")
    desk.faults.hook = lambda: desk.journeys.replace([replace(ref, state="closed", port="refused")])
    assert desk.desk.offers(desk.ruleset, subs[2], "web") == []


def test_nothing_is_offered_outside_its_channels_or_its_time(desk: World, subs: list[str]) -> None:
    desk.open(subs[0], name="low")
    assert desk.desk.offers(desk.ruleset, subs[0], "hotline") == []
    desk.clock.advance(24 * HOUR)
    assert desk.desk.offers(desk.ruleset, subs[0], "counter") == []


def test_a_queued_text_is_not_offered_at_the_counter(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    assert world.desk.offers(world.ruleset, subs[0], "counter") == []


def test_an_offers_touch_closes_the_call_that_waits(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    [text] = world.take("sms")
    world.claim(text)
    world.answer(text, "considering", "sms")
    [offer] = world.desk.offers(world.ruleset, subs[0], "counter")
    world.answer(offer.touch, "considering", "counter")
    [call] = world.take("outbound_call")
    [again] = world.desk.offers(world.ruleset, subs[0], "web")
    world.answer(again.touch, "accepted", "web")
    assert world.claim(call) == "revoked"
    assert world.the(subs[0]).port == "accepted"


def test_interest_followed_up_elsewhere_gets_the_words_for_that_channel(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    [text] = world.take("sms")
    world.claim(text)
    world.answer(text, "considering", "sms")
    [first] = world.desk.offers(world.ruleset, subs[0], "counter")
    world.answer(first.touch, "considering", "counter")
    assert world.the(subs[0]).node == "call"
    words = {channel: world.desk.offers(world.ruleset, subs[0], channel)[0].text for channel in ("hotline", "app")}
    assert words == {"hotline": world.ruleset.scripts["rbt-counter"], "app": ""}
