"""The report: counted from what is stored; sums agree; what is stuck is named."""

from dataclasses import replace

from tests.unit.application.world import BEGIN, HOUR, World

from cellwave.application.report import report
from cellwave.domain.pages import Lane
from cellwave.ports.journeys import Mark


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
    assert not now.unopened
    assert now.fates == {"touched": 2, "suppressed": 1, "waiting": 1, "held_out": 1, "expired": 1}
    assert now.endings == {"accepted": 1, "refused": 1, "open": 2, "held_out": 1, "context_expired": 1}
    assert now.answers == {("sms", "accepted"): 1, ("counter", "refused"): 1}
    world.wait_until(BEGIN + 400 * HOUR)
    for touch in world.take("outbound_call"):
        world.claim(touch)
    then = world.report()
    assert not then.unopened
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
        found = report(world.ruleset, [], world.journeys.all(), [], [], world.clock.now(), grace)
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
    assert report(world.ruleset, lanes, [], [], [], BEGIN).stream == {"events": 5, "late": 1}


def test_a_match_that_was_let_in_and_has_no_journey_is_named(world: World, subs: list[str]) -> None:
    world.open(subs[0])
    world.journeys.mark([Mark(subs[1], "ringback", BEGIN + 1, None)])
    assert world.report().unopened == [f"ringback at {BEGIN + 1}"]
