"""The suites of Vault, TargetLists and Registry."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cellwave.adapters.dynamodb.registry import DynamoRegistry
from cellwave.adapters.dynamodb.vault import DynamoVault
from cellwave.adapters.kms import KeyRing, KmsDataKeys
from cellwave.adapters.lists import SealedTargetLists
from cellwave.adapters.memory import MemoryRegistry, MemoryTargetLists, MemoryVault
from cellwave.adapters.s3 import S3ObjectStore
from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign
from cellwave.domain.errors import Conflict, NotFound
from cellwave.domain.flow import Flow, Wave
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave.domain.ruleset import ListVersion, Ruleset
from cellwave.ports.people import Registry, TargetLists, Vault

PSEUDONYMS = Pseudonymizer("k1", bytes(32))


def pseudonyms(numbers: range) -> list[str]:
    return [PSEUDONYMS.of(f"8613{number:09d}") for number in numbers]


@pytest.fixture
def vault(world: Any) -> Vault:
    if world.in_memory:
        return MemoryVault()
    ring = KeyRing(world.aws.kms, world.kms_key(), world.aws.dynamodb, world.table("registry"))
    return DynamoVault(world.aws.dynamodb, world.table("vault"), ring)


@pytest.fixture
def lists(world: Any) -> TargetLists:
    if world.in_memory:
        return MemoryTargetLists()
    return SealedTargetLists(S3ObjectStore(world.aws.s3, world.bucket()), KmsDataKeys(world.aws.kms, world.kms_key()))


@pytest.fixture
def registry(world: Any) -> Registry:
    if world.in_memory:
        return MemoryRegistry()
    objects = S3ObjectStore(world.aws.s3, world.bucket())
    return DynamoRegistry(world.aws.dynamodb, world.table("registry"), objects, refresh=0)


def test_the_vault_gives_back_the_number_of_a_pseudonym(vault: Vault) -> None:
    numbers = {sub: f"8613{number:09d}" for number, sub in enumerate(pseudonyms(range(60)))}
    vault.put(numbers)
    assert {sub: vault.number(sub) for sub in numbers} == numbers


def test_a_number_stored_again_reads_the_same(vault: Vault) -> None:
    [sub] = pseudonyms(range(1))
    vault.put({sub: "8613000000000"})
    vault.put({sub: "8613000000000"})
    vault.put({})
    assert vault.number(sub) == "8613000000000"


def test_a_pseudonym_that_is_not_in_the_vault_is_not_found(vault: Vault) -> None:
    with pytest.raises(NotFound):
        vault.number("k1-AAAAAAAAAAAAAAAAAAAAAA")


def test_a_list_holds_its_members_and_nobody_else(lists: TargetLists) -> None:
    members = pseudonyms(range(500))
    version = lists.publish("ringback", 1, [*members, members[0]])
    assert version == ListVersion("ringback", 1, 500, version.prefix)
    assert all(lists.holds(version, sub) for sub in members)
    assert not any(lists.holds(version, sub) for sub in pseudonyms(range(500, 1000)))
    assert not lists.holds(version, "k2" + members[0][2:])


def test_versions_and_lists_are_told_apart(lists: TargetLists) -> None:
    one, two = pseudonyms(range(2))
    first = lists.publish("ringback", 1, [one])
    second = lists.publish("ringback", 2, [two])
    other = lists.publish("other", 1, [one, two])
    assert [lists.holds(version, one) for version in (first, second, other)] == [True, False, True]


def test_publishing_a_list_again_with_the_same_members_is_harmless(lists: TargetLists) -> None:
    members = pseudonyms(range(20))
    version = lists.publish("ringback", 1, members)
    assert lists.publish("ringback", 1, reversed(members)) == version
    assert all(lists.holds(version, sub) for sub in members)


def test_publishing_a_list_again_with_other_members_is_a_conflict(lists: TargetLists) -> None:
    one, two = pseudonyms(range(2))
    version = lists.publish("ringback", 1, [one])
    with pytest.raises(Conflict):
        lists.publish("ringback", 1, [two])
    assert lists.holds(version, one)
    assert not lists.holds(version, two)


@pytest.mark.parametrize("name", ["天河商场", "Ringback.Mall_2026", "cafe\u0301"])
def test_a_list_may_have_a_name_in_any_alphabet(lists: TargetLists, name: str) -> None:
    one, two = pseudonyms(range(2))
    version = lists.publish(name, 1, [one])
    assert lists.publish(name, 1, [one]) == version
    assert (lists.holds(version, one), lists.holds(version, two)) == (True, False)
    lists.shred(version)
    with pytest.raises(NotFound):
        lists.holds(version, one)


def test_an_empty_list_holds_nobody(lists: TargetLists) -> None:
    version = lists.publish("nobody", 1, [])
    assert version.count == 0
    assert not lists.holds(version, pseudonyms(range(1))[0])


def test_a_list_never_published_is_not_found(lists: TargetLists) -> None:
    with pytest.raises(NotFound):
        lists.holds(ListVersion("ringback", 1, 1, "lists/ringback/1/"), pseudonyms(range(1))[0])


def test_a_shredded_list_is_gone_and_shredding_again_is_harmless(lists: TargetLists) -> None:
    members = pseudonyms(range(20))
    version = lists.publish("ringback", 1, members)
    kept = lists.publish("ringback", 10, members)
    assert lists.holds(version, members[0])
    lists.shred(version)
    lists.shred(version)
    with pytest.raises(NotFound):
        lists.holds(version, members[0])
    assert lists.holds(kept, members[0])


RULESET = Ruleset(
    version=1,
    campaigns={
        "mall": Campaign(
            name="mall",
            product="ringback-tone",
            offer="half-price",
            target_list="ringback",
            trigger=AreaDwelled("tianhe", 20),
            respond_within_hours=24,
            flow="two-wave",
            holdout_group="ringback-tone",
            reentry_hours=24,
            holdout_percent=5.5,
            starts=1_763_800_000_000,
        ),
        "gate": Campaign(
            name="gate",
            product="roaming",
            offer="day-pass",
            target_list="ringback",
            trigger=AreaEntered("tianhe"),
            respond_within_hours=1,
            flow="two-wave",
            holdout_group="roaming",
        ),
    },
    areas={"tianhe": frozenset({"460-00-1-2", "460-00-1-3"})},
    flows={
        "two-wave@1": Flow(
            "two-wave",
            1,
            "text",
            {
                "text": Wave("text", ("sms",), "s", 24, next={"no_response": "counter"}),
                "counter": Wave("counter", ("counter", "web"), "c", 72, attempts=2),
            },
        )
    },
    current={"two-wave": "two-wave@1"},
    scripts={"s": "Hello", "c": "你好"},
    lists={"ringback": ListVersion("ringback", 3, 500, "lists/ringback/3/")},
)


def test_before_anything_is_published_the_ruleset_is_empty(registry: Registry) -> None:
    assert registry.current() == Ruleset()


def test_a_published_ruleset_is_the_current_one(registry: Registry) -> None:
    registry.publish(RULESET)
    assert registry.current() == RULESET
    registry.publish(replace(RULESET, version=2, scripts={}))
    assert registry.current() == replace(RULESET, version=2, scripts={})


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_ruleset_follows_the_one_it_was_made_from_or_is_a_conflict(registry: Registry, version: int) -> None:
    registry.publish(RULESET)
    with pytest.raises(Conflict):
        registry.publish(replace(RULESET, version=version, areas={}))
    assert registry.current() == RULESET


def test_the_first_ruleset_has_version_one(registry: Registry) -> None:
    with pytest.raises(Conflict):
        registry.publish(replace(RULESET, version=2))
    assert registry.current() == Ruleset()


def test_publishing_the_current_ruleset_again_is_harmless(registry: Registry) -> None:
    registry.publish(RULESET)
    registry.publish(RULESET)
    assert registry.current() == RULESET


def test_of_publishers_racing_for_a_version_one_wins(registry: Registry, race: Callable[..., list[Any]]) -> None:
    rulesets = [replace(RULESET, scripts={"s": str(number)}) for number in range(6)]
    results = race(lambda number: registry.publish(rulesets[number]), 6)
    assert sum(isinstance(result, Conflict) for result in results) == 5
    assert registry.current() == rulesets[results.index(None)]
