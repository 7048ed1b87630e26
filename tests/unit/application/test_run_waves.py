"""Cohorts from wave to wave: who goes where, once, in shards, however often a task is repeated."""

import json
from typing import Any

import pytest
from tests.unit.application.world import BEGIN, HOUR, World, subscribers

from cellwave.adapters.memory import MemoryObjectStore
from cellwave.application.cohorts import (
    SHARD_MEMBERS,
    Member,
    WaveInput,
    list_members,
    read_members,
    shards_of,
    write_members,
)
from cellwave.application.placements import touch_of
from cellwave.application.run_waves import collect, gather, merge, part_key
from cellwave.domain.identifiers import wave_id
from cellwave.domain.journey import Journey, close, enter


def texted(world: World, *subs: str) -> list[Journey]:
    """Open journeys whose texts are sent."""
    journeys = world.open(*subs)
    for touch in world.take("sms"):
        assert world.claim(touch) == "claimed"
    return journeys


def first_wave(world: World) -> WaveInput:
    [document] = world.noted.executions.values()
    return WaveInput.read(document)


def collected(world: World, wave: WaveInput) -> dict[str, list[list[object]]]:
    """Return what shard 0 of a wave has collected."""
    found: dict[str, list[list[object]]] = json.loads(world.objects.get(part_key(wave, 0)))
    return found


# Routing


def test_silence_leads_through_all_three_waves_each_due_a_window_after_the_one_before(
    world: World, subs: list[str]
) -> None:
    [begun] = texted(world, subs[0])
    world.wait_until(BEGIN + 24 * HOUR)
    at_counter = world.the(subs[0])
    world.wait_until(BEGIN + 96 * HOUR)
    at_call = world.the(subs[0])
    assert [begun.due, at_counter.due, at_call.due] == [BEGIN + hours * HOUR for hours in (24, 96, 144)]
    [call] = world.take("outbound_call")
    assert world.claim(call) == "claimed"
    world.wait_until(BEGIN + 400 * HOUR)
    report = world.report()
    assert (report.endings, report.stuck) == ({"no_response": 1}, [])
    assert len(world.noted.executions) == 3


def test_one_execution_a_target_node_however_many_ports_lead_there(world: World, subs: list[str]) -> None:
    texted(world, *subs)
    for sub in subs[:2]:
        considering(world, world.the(sub))
    world.wait_until(BEGIN + 25 * HOUR)
    nodes = sorted(document["node"] for document in world.noted.executions.values())
    assert nodes == ["counter", "text"]
    assert {world.the(sub).node for sub in subs} == {"counter"}


def considering(world: World, journey: Journey, channel: str = "sms") -> None:
    """Say "considering" to the journey's current touch."""
    world.answer(touch_of(world.tokens, journey), "considering", channel)


def test_an_early_mover_joins_by_one_write_with_no_execution_of_its_own(world: World, subs: list[str]) -> None:
    texted(world, *subs[:2])
    before = world.the(subs[0]).revision
    considering(world, world.the(subs[0]))
    assert world.the(subs[0]).revision == before + 1
    assert len(world.noted.executions) == 1


def test_one_two_steps_ahead_is_carried_through_every_list_and_dispatched_by_none(
    world: World, subs: list[str]
) -> None:
    texted(world, *subs[:2])
    considering(world, world.the(subs[0]))
    considering(world, world.the(subs[0]), "web")
    ahead = world.the(subs[0])
    assert ahead.path == ("text", "counter", "call")
    [call] = world.take("outbound_call")
    assert world.claim(call) == "claimed"
    world.wait_until(BEGIN + 97 * HOUR)
    assert [sub for sub in subs[:2] if world.the(sub).node == "call"] == list(subs[:2])
    assert world.the(subs[0]).wave == world.the(subs[1]).wave
    assert world.the(subs[0]).revision == ahead.revision + 1, "only its claim wrote it"
    assert sorted(document["node"] for document in world.noted.executions.values()) == ["call", "counter", "text"]
    [calls] = [each for each in world.noted.executions.values() if each["node"] == "call"]
    members = read_members(world.objects, calls["members"]["parts"], "call")
    assert sorted((member.sub, member.ahead) for member in members) == sorted([(subs[0], True), (subs[1], False)])
    assert len(world.take("outbound_call")) == 1


def test_an_early_movers_touch_is_queued_when_it_moves_and_not_again_by_the_dispatch(
    world: World, subs: list[str]
) -> None:
    texted(world, *subs[:2])
    considering(world, world.the(subs[0]))
    considering(world, world.the(subs[0]), "web")
    assert len(world.take("outbound_call")) == 1
    world.wait_until(BEGIN + 97 * HOUR)
    [other] = world.take("outbound_call")
    assert world.tokens.open(other).sub == subs[1]


def test_an_accept_between_collect_and_dispatch_is_not_dispatched(world: World, subs: list[str]) -> None:
    [journey] = texted(world, subs[0])
    [following] = collect_first(world)
    world.journeys.replace([close(world.the(subs[0]), "accepted")])
    wave = WaveInput.read(following["input"])
    assert world.dispatcher.dispatch(world.ruleset, wave, following["input"]["members"]["parts"]) == 0
    assert (world.the(subs[0]).state, world.the(subs[0]).node) == ("closed", journey.node)


def collect_first(world: World) -> list[dict[str, Any]]:
    """Collect the only first wave at its due time, without starting what follows."""
    wave = first_wave(world)
    world.clock.advance(wave.due - world.clock.now())
    members = gather(world.objects, wave)
    assert members
    flow = world.ruleset.flows[wave.flow]
    counts = collect(world.objects, world.journeys, flow, wave, members["parts"], 0)
    return merge(world.objects, flow, wave, [counts])


def test_one_that_went_another_way_after_it_was_collected_gets_a_wave_that_knows_it(
    world: World, subs: list[str]
) -> None:
    """Decided before the window's end, written after the collecting: bound for the counter, it stands at the call."""
    texted(world, *subs[:2])
    [following] = collect_first(world)
    flow = world.ruleset.flows["three-wave@1"]
    assert world.journeys.replace([enter(flow, world.the(subs[0]), "call", "undeliverable")]) == [True]
    world.starter.start(following["name"], following["input"])
    assert world.take("outbound_call") == []
    world.machine.finished.update(name for name in world.noted.executions if name.startswith("text"))
    world.machine.settle()
    [call] = world.take("outbound_call")
    assert world.claim(call) == "claimed"
    strays = [document for name, document in world.noted.executions.items() if document["salt"]]
    assert [(each["node"], each["depth"], each["enter"]) for each in strays] == [("call", 1, False)]
    world.wait_until(BEGIN + 400 * HOUR)
    assert world.report().stuck == []


def test_an_outcome_written_after_the_collecting_that_left_it_out_gets_an_execution_of_its_own(
    world: World, subs: list[str]
) -> None:
    """Never claimed, so that its timeout leads nowhere; and yet the counter's interest, decided in time, moves it."""
    world.open(subs[0])
    [touch] = world.take("sms")
    world.machine.settle()
    world.clock.advance(24 * HOUR - 1)

    def at_ledger() -> None:
        world.faults.hook = at_journey

    def at_journey() -> None:
        world.clock.advance(1)
        world.machine.settle()

    world.faults.hook = at_ledger
    world.answer(touch, "considering", "sms")
    assert world.the(subs[0]).node == "counter"
    world.wait_until(BEGIN + 97 * HOUR)
    assert world.the(subs[0]).node == "call"
    assert world.report().stuck == []


# Shards


def test_shards_hold_about_a_thousand_members_and_every_part_once() -> None:
    parts = [(f"part-{number}", size) for number, size in enumerate((400, 600, 1, 999, 1, 2500, 10))]
    shards = shards_of(parts)
    assert [key for shard in shards for key in shard["parts"]] == [key for key, _ in parts]
    sizes = dict(parts)
    filled = [sum(sizes[key] for key in shard["parts"]) for shard in shards]
    assert filled == [1000, 1000, 1, 2500, 10]
    assert all(size <= SHARD_MEMBERS for size in filled if size != 2500)
    assert shards_of([]) == []


def test_members_are_without_repeats_and_ahead_only_if_every_list_says_so() -> None:
    objects = MemoryObjectStore()
    objects.put_new("a", write_members({"call": [Member("s", "1", ahead=True), Member("t", "2", ahead=True)]}))
    objects.put_new("b", write_members({"call": [Member("s", "1"), Member("s", "1")], "counter": [Member("u", "3")]}))
    assert sorted(read_members(objects, ["a", "b"], "call")) == [Member("s", "1"), Member("t", "2", ahead=True)]
    assert read_members(objects, ["a", "b"], "text") == []


def test_a_members_object_has_the_same_bytes_in_whatever_order_they_came() -> None:
    one, two = Member("s", "1"), Member("t", "2", ahead=True)
    assert write_members({"a": [one, two], "b": [one]}) == write_members({"b": [one, one], "a": [two, one]})


def test_the_first_manifest_wins_so_that_a_retry_says_the_same() -> None:
    objects = MemoryObjectStore()
    parts = [("a", 900), ("b", 900)]
    first = list_members(objects, "m.json", parts)
    assert first == {"manifest": "m.json"}
    assert list_members(objects, "m.json", [*parts, ("c", 900)]) == first
    assert len(json.loads(objects.get("m.json"))) == 2
    assert list_members(objects, "n.json", []) is None


def test_a_large_cohort_goes_by_manifests_through_every_wave_and_loses_nobody() -> None:
    world = World()
    many = subscribers(2_300, lanes=64)
    world.publish(subs=many)
    for start in range(0, len(many), 500):
        world.open(*many[start : start + 500])
    for touch in world.take("sms"):
        world.claim(touch)
    for sub in many[:150]:
        considering(world, world.the(sub))
    world.wait_until(BEGIN + 97 * HOUR)
    assert {journey.node for journey in world.journeys.all()} == {"call"}
    assert ["manifest" in each.get("members", {}) for each in world.noted.executions.values()].count(True) == 2
    assert len(world.noted.executions) == 3
    assert all(len(json.dumps(each)) < 2_000 for each in world.noted.executions.values())
    calls = world.take("outbound_call")
    assert (len(calls), len(set(calls))) == (2_300, 2_300)


# Repeats


def test_every_task_repeated_says_the_same_and_sends_what_a_claim_tells_apart(world: World, subs: list[str]) -> None:
    texted(world, *subs)
    [following] = collect_first(world)
    assert collect_first(world) == [following]
    wave = WaveInput.read(following["input"])
    parts = following["input"]["members"]["parts"]
    assert world.dispatcher.dispatch(world.ruleset, wave, parts) == len(subs)
    standing = [world.the(sub) for sub in subs]
    assert world.dispatcher.dispatch(world.ruleset, wave, parts) == len(subs)
    assert [world.the(sub) for sub in subs] == standing


def test_collecting_again_keeps_the_first_list_whatever_has_changed(world: World, subs: list[str]) -> None:
    texted(world, *subs)
    [following] = collect_first(world)
    world.journeys.replace([close(world.the(sub), "accepted") for sub in subs[:3]])
    assert collect_first(world) == [following]
    assert len(collected(world, first_wave(world))["counter"]) == len(subs)


def test_collecting_writes_nothing_to_the_journeys(world: World, subs: list[str]) -> None:
    texted(world, *subs)
    before = list(world.journeys.all())
    collect_first(world)
    assert list(world.journeys.all()) == before


def test_a_dead_execution_is_replaced_under_another_name_with_the_same_wave(world: World, subs: list[str]) -> None:
    texted(world, *subs)
    [(name, document)] = world.noted.executions.items()
    world.machine.finished.add(name)
    world.wait_until(BEGIN + 30 * HOUR)
    assert world.report().stuck != []
    document = {**document, "salt": "again"}
    assert world.starter.start(WaveInput.read(document).name, document)
    world.wait_until(BEGIN + 30 * HOUR)
    assert world.report().stuck == []
    assert {world.the(sub).node for sub in subs} == {"counter"}
    world.machine.finished.discard(name)
    world.wait_until(BEGIN + 400 * HOUR)
    assert len(world.take("outbound_call")) >= len(subs)
    assert {world.the(sub).path for sub in subs} == {("text", "counter", "call")}


def test_an_execution_input_is_read_back_as_it_was_written() -> None:
    wave = WaveInput("w", "f@1", "text", 2, "p", BEGIN, enter=True, salt="x", members={"parts": ["a"]})
    assert WaveInput.read(json.loads(json.dumps(wave.document()))) == wave


@pytest.mark.parametrize("node", ["a", "n" * 32])
def test_an_executions_name_has_at_most_eighty_characters(node: str) -> None:
    wave = WaveInput(wave_id("p", "f@1", node, BEGIN), "f@1", node, 0, "", BEGIN, enter=False, salt="0" * 12)
    assert len(wave.name) <= 80
