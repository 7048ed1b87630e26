"""Whatever crashes, repeats or races: the same journeys, claims, ledger and counts, and nothing stuck."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.application.faults import Faults
from tests.unit.application.machine import Crash
from tests.unit.application.simulation import SLOT, Simulation, fates, public, records_of
from tests.unit.application.world import BEGIN, HOUR, World, canonical, subscribers

from cellwave.domain.errors import Conflict


@pytest.fixture(scope="module")
def calm() -> Simulation:
    """The run in which nothing goes wrong."""
    return Simulation().run()


def test_the_calm_run_is_worth_comparing_with(calm: Simulation) -> None:
    report = calm.result["report"]
    assert len(calm.claims) > 50
    assert not report.unopened
    assert {"accepted", "refused", "considering", "no_response", "undeliverable"} <= fates(calm.result["journeys"])
    assert {"accepted", "refused", "no_response", "context_expired", "undeliverable", "held_out"} <= set(report.endings)
    assert {node for node, _ in report.touches} == {"text", "counter", "call"}
    assert report.stuck == []
    assert "open" not in report.endings


@pytest.mark.parametrize("seed", range(200))
def test_crashes_repeats_and_other_batches_change_nothing(calm: Simulation, seed: int) -> None:
    chance = (0.02, 0.05, 0.1, 0.2)[seed % 4]
    rough = Simulation(Faults(seed, chance), seed, shards=1 + seed % 3, is_rough=True).run()
    assert rough.faults.crashes > 0
    assert rough.result == calm.result
    assert rough.world.report().stuck == []
    assert len(rough.claims) == len(set(rough.claims))


@pytest.mark.parametrize("shards", [2, 3, 4])
def test_the_number_of_shards_changes_nothing(calm: Simulation, shards: int) -> None:
    assert Simulation(shards=shards).run().result == calm.result


def run_slots(world: World, slots: int, shard_of_slot: Callable[[int], str]) -> None:
    subs = subscribers(24)
    for slot, records in enumerate(records_of(public(subs, slots), slots)):
        world.clock.advance(BEGIN + (slot + 1) * SLOT - world.clock.now())
        world.matcher.match(shard_of_slot(slot), records)


def test_lanes_that_move_to_another_shard_go_on_where_they_were() -> None:
    moving, staying = World(), World()
    for world, shard_of_slot in ((moving, lambda slot: f"shard-{slot // 7}"), (staying, lambda slot: "shard-0")):
        world.publish(subs=subscribers(24))
        run_slots(world, 40, shard_of_slot)
    assert canonical(moving.journeys.all()) == canonical(staying.journeys.all()) != []
    assert moving.report().stream == staying.report().stream


@pytest.mark.parametrize("at_effect", range(16))
def test_of_two_matchers_on_a_batch_one_wins_and_the_other_finds_it_done(at_effect: int) -> None:
    """The second matcher works off the whole batch at some effect of the first one."""
    alone, raced = World(), World()
    subs = subscribers(24)
    slots = records_of(public(subs, 12), 12)
    batch = [record for records in slots for record in records]
    for world in (alone, raced):
        world.publish(subs=subs)
        world.clock.advance(2 * HOUR)
    alone.matcher.match("shard-0", batch)

    left = at_effect
    loser = raced.matcher

    def interfere() -> None:
        nonlocal left
        if left:
            left -= 1
            raced.faults.hook = interfere
        else:
            raced.matcher.match("shard-0", batch)

    raced.faults.hook = interfere
    try:
        loser.match("shard-0", batch)
    except Conflict:
        raced.faults.hook = None
        loser.match("shard-0", batch)
    assert left == 0
    assert canonical(raced.journeys.all()) == canonical(alone.journeys.all()) != []
    assert raced.report().stream == alone.report().stream
    pages = [world.state.load_pages(range(192)) for world in (raced, alone)]
    assert [p.subscribers for p in pages[0].values()] == [p.subscribers for p in pages[1].values()]


def test_a_batch_seen_again_counts_and_changes_nothing() -> None:
    world = World()
    world.publish(subs=subscribers(24))
    batch = [record for records in records_of(public(subscribers(24), 12), 12) for record in records]
    world.clock.advance(2 * HOUR)
    world.matcher.match("shard-0", batch)
    counts, journeys, sent = world.report().stream, canonical(world.journeys.all()), list(world.take("sms"))
    assert (world.matcher.match("shard-0", batch).counts, world.report().stream) == ({}, counts)
    assert (canonical(world.journeys.all()), world.take("sms")) == (journeys, [])
    assert sent


def test_a_claim_that_died_unheard_is_never_made_again_and_the_journey_goes_on() -> None:
    world = World()
    [sub] = subscribers(1)
    world.publish(subs=[sub])
    world.open(sub)
    [touch] = world.take("sms")
    dying = Faults(chance=1.0)
    claimer = replace(world.claimer, journeys=dying.wrap(world.journeys))
    with dying.only("after"), pytest.raises(Crash):
        claimer.claim(world.ruleset, touch)
    assert world.claim(touch) == "already_claimed"
    world.wait_until(BEGIN + 25 * HOUR)
    assert world.the(sub).node == "counter"
    assert [dict(made) for made in world.report().touches.values()] == [{"unknown": 1}]
