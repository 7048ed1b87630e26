"""The report: counted from what is stored; sums agree; what is stuck is named."""

import time
from dataclasses import replace

from tests.unit.application.world import BEGIN, HOUR, World

from cellwave.application.report import report
from cellwave.domain.campaign import Match
from cellwave.domain.journey import begin, close, enter
from cellwave.domain.pages import Lane


def test_every_match_has_one_fate_and_one_ending(world: World, subs: list[str]) -> None:
    for sub in subs[:4]:
        world.open(sub)
    world.open(subs[4], held_out=True)
    world.open(subs[5], ts=BEGIN - 30 * HOUR)
    first, second, third, _ = world.take("sms")
    for touch in (first, second):
        world.claim(touch)
    world.answer(first, "accepted", "sms")
    world.answer(third, "refused", "counter")
    now = world.report()
    assert now.is_balanced
    assert now.fates == {"touched": 2, "suppressed": 1, "waiting": 1, "held_out": 1, "expired": 1}
    assert now.endings == {"accepted": 1, "refused": 1, "open": 2, "held_out": 1, "context_expired": 1}
    assert now.answers == {("sms", "accepted"): 1, ("counter", "refused"): 1}
    world.wait_until(BEGIN + 400 * HOUR)
    for touch in world.take("outbound_call"):
        world.claim(touch)
    then = world.report()
    assert then.is_balanced
    assert "waiting" not in then.fates
    assert "open" not in then.endings
    assert then == replace(world.report())


def test_a_journey_whose_window_is_over_and_which_no_wave_took_on_is_stuck_after_the_grace(
    world: World, subs: list[str]
) -> None:
    [journey] = world.open(subs[0])
    world.claim(*world.take("sms"))
    world.clock.advance(24 * HOUR)

    def stuck(grace: int) -> list[str]:
        found = report(world.ruleset, [], world.journeys.all(), [], world.clock.now(), grace)
        return list(found.stuck)

    assert (stuck(0), stuck(1)) == ([journey.id], [])


def test_a_touch_claimed_and_never_confirmed_in_its_window_is_unknown(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    world.claim(*world.take("sms"))
    assert world.report().touches == {("text", "sms"): {"claimed": 1}}
    world.wait_until(BEGIN + 25 * HOUR)
    assert world.report().touches == {("text", "sms"): {"unknown": 1}}


def test_counts_of_all_lanes_add_up(world: World) -> None:
    lanes = [Lane(1, counts={"events": 2}), Lane(2, counts={"events": 3, "late": 1})]
    assert report(world.ruleset, lanes, [], [], BEGIN).stream == {"events": 5, "late": 1}


def test_a_hundred_thousand_journeys_are_counted_within_a_few_seconds(world: World) -> None:
    flow = world.ruleset.flows["three-wave@1"]
    plain = world.ruleset.campaigns["ringback"]
    one = begin(Match("ringback", "s", BEGIN, held_out=False), plain, flow, BEGIN)
    far = enter(flow, enter(flow, replace(one, touch="sent"), "counter", "no_response"), "call", "no_response")
    shapes = (one, replace(far, touch="claimed"), close(far, "accepted"))
    journeys = [replace(shapes[number % 3], id=str(number)) for number in range(100_000)]
    begun = time.perf_counter()
    counted = report(world.ruleset, [], journeys, [], BEGIN + HOUR)
    assert time.perf_counter() - begun < 5
    assert counted.matched == 100_000
    assert counted.is_balanced
