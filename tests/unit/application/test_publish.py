"""Publishing: a new ruleset made from the current one, or nothing."""

from dataclasses import replace

import pytest
from tests.unit.application.world import AREAS, BEGIN, HOUR, SCRIPTS, THREE_WAVE, World, campaign

from cellwave.application.publish import Publication, publish, publish_list
from cellwave.domain.campaign import AreaEntered
from cellwave.domain.errors import Conflict, DocumentError
from cellwave.domain.ruleset import Ruleset


def test_publishing_the_same_again_changes_nothing(world: World) -> None:
    before = world.ruleset
    again = Publication(list(before.campaigns.values()), [THREE_WAVE], AREAS, SCRIPTS)
    assert publish(world.registry, world.clock, again, counts_from=BEGIN + HOUR) is before


def test_a_changed_flow_is_a_new_version_and_journeys_keep_the_one_they_run(world: World, subs: list[str]) -> None:
    [old] = world.open(subs[0])
    changed = replace(THREE_WAVE, waves={**THREE_WAVE.waves, "call": replace(THREE_WAVE.waves["call"], attempts=3)})
    ruleset = publish(world.registry, world.clock, Publication(flows=[changed]))
    assert set(ruleset.flows) == {"three-wave@1", "three-wave@2"}
    [new] = world.open(subs[1])
    assert (world.the(subs[0]).flow, old.flow, new.flow) == ("three-wave@1", "three-wave@1", "three-wave@2")


def test_a_campaign_counts_from_its_publication_and_a_changed_one_from_its_change(world: World) -> None:
    publish(world.registry, world.clock, Publication([campaign("new")]))
    assert world.ruleset.campaigns["new"].counts_from == BEGIN
    world.clock.advance(HOUR)
    publish(world.registry, world.clock, Publication([campaign("new"), campaign("other")]))
    assert world.ruleset.campaigns["new"].counts_from == BEGIN
    publish(world.registry, world.clock, Publication([campaign("new", priority=1)]))
    assert world.ruleset.campaigns["new"].counts_from == BEGIN + HOUR


def test_every_reference_that_leads_nowhere_is_named_at_once_and_nothing_is_published(world: World) -> None:
    before = world.ruleset
    lost = campaign("lost", trigger=AreaEntered("moon"), flow="none", target_list="nobody")
    silent = replace(THREE_WAVE, name="silent", waves={"text": replace(THREE_WAVE.waves["text"], script="mute")})
    with pytest.raises(DocumentError) as caught:
        publish(world.registry, world.clock, Publication([lost], [silent]))
    assert [problem.path for problem in caught.value.problems] == [
        "$.trigger.area",
        "$.flow",
        "$.targets.list",
        "$.nodes.text.script",
    ]
    assert all(problem.mend for problem in caught.value.problems)
    assert world.ruleset == before


def test_a_campaign_may_come_together_with_all_it_refers_to() -> None:
    world = World()
    publish_list(world.registry, world.lists, world.vault, "list", {})
    publish(world.registry, world.clock, Publication([campaign()], [THREE_WAVE], AREAS, SCRIPTS))
    assert world.ruleset.flow_of(world.ruleset.campaigns["ringback"]).key == "three-wave@1"


class Raced:
    """A registry in which somebody else publishes between reading and writing."""

    def __init__(self, world: World):
        self._world = world

    def current(self) -> Ruleset:
        return self._world.registry.current()

    def publish(self, ruleset: Ruleset) -> None:
        publish(self._world.registry, self._world.clock, Publication([campaign("theirs")]))
        self._world.registry.publish(ruleset)


def test_of_two_who_publish_at_once_one_is_told_to_look_again(world: World) -> None:
    with pytest.raises(Conflict):
        publish(Raced(world), world.clock, Publication([campaign("ours")]))
    assert "theirs" in world.ruleset.campaigns
    assert "ours" not in world.ruleset.campaigns


def test_a_list_is_sealed_as_the_next_version_and_the_vault_knows_its_numbers(world: World, subs: list[str]) -> None:
    version = publish_list(world.registry, world.lists, world.vault, "list", {subs[0]: "8613800000000"})
    assert (version.version, version.count) == (2, 1)
    assert world.ruleset.lists["list"] == version
    assert world.vault.number(subs[0]) == "8613800000000"
    assert not world.lists.holds(version, subs[1])


def test_a_version_that_was_sealed_and_never_registered_blocks_nobody(world: World, subs: list[str]) -> None:
    world.lists.publish("list", 2, subs[:3])
    version = publish_list(world.registry, world.lists, world.vault, "list", {subs[0]: "8613800000000"})
    assert (version.version, version.count) == (3, 1)
    again = publish_list(world.registry, world.lists, world.vault, "new", {subs[0]: "8613800000000"})
    assert again.version == 1
