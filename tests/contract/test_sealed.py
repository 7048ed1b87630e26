"""What lies in the tables of the vault, the keys and the registry, and what happens when it is not as it should be."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from cellwave.adapters.dynamodb.registry import DynamoRegistry
from cellwave.adapters.dynamodb.vault import DynamoVault
from cellwave.adapters.kms import KeyRing
from cellwave.adapters.memory import MemoryObjectStore, MemorySystemKeys
from cellwave.domain.errors import NotFound
from cellwave.domain.ruleset import Ruleset

ALICE, BOB = "k1-AAAAAAAAAAAAAAAAAAAAAA", "k1-BBBBBBBBBBBBBBBBBBBBBA"


class Objects(MemoryObjectStore):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def get(self, key: str) -> bytes:
        self.read += 1
        return super().get(key)


def test_the_vault_s_table_shows_no_number_and_no_two_items_are_alike(aws_world: Any) -> None:
    table = aws_world.table("vault")
    vault = DynamoVault(aws_world.aws.dynamodb, table, MemorySystemKeys())
    vault.put({ALICE: "8613000000001", BOB: "8613000000001"})
    items = aws_world.aws.dynamodb.scan(TableName=table)["Items"]
    sealed = [item["sealed"]["B"] for item in items]
    assert sealed[0] != sealed[1]
    assert not any(b"8613000000001" in one for one in sealed)
    assert "8613000000001" not in str(items)


def test_an_item_of_the_vault_put_in_another_s_place_does_not_open(aws_world: Any) -> None:
    table = aws_world.table("vault")
    vault = DynamoVault(aws_world.aws.dynamodb, table, MemorySystemKeys())
    vault.put({ALICE: "8613000000001"})
    item = aws_world.aws.dynamodb.get_item(TableName=table, Key={"pk": {"S": ALICE}})["Item"]
    aws_world.aws.dynamodb.put_item(TableName=table, Item={**item, "pk": {"S": BOB}})
    with pytest.raises(InvalidTag):
        vault.number(BOB)


def test_a_system_key_is_stored_wrapped_and_opens_for_its_own_purpose_only(aws_world: Any) -> None:
    kms_key, table = aws_world.kms_key(), aws_world.table("registry")

    def ring() -> KeyRing:
        return KeyRing(aws_world.aws.kms, kms_key, aws_world.aws.dynamodb, table)

    key = ring().current("vault")
    [item] = aws_world.aws.dynamodb.scan(TableName=table)["Items"]
    assert (item["pk"], item["sk"]) == ({"S": "key#vault"}, {"S": "k1"})
    assert key.material not in item["wrapped"]["B"]
    aws_world.aws.dynamodb.put_item(TableName=table, Item={**item, "pk": {"S": "key#touch"}})
    with pytest.raises(NotFound):
        ring().current("touch")


def test_the_newest_key_makes_and_the_older_ones_still_read(aws_world: Any) -> None:
    kms_key, table = aws_world.kms_key(), aws_world.table("registry")
    first = KeyRing(aws_world.aws.kms, kms_key, aws_world.aws.dynamodb, table).current("touch")
    wrapped = aws_world.aws.kms.generate_data_key_without_plaintext(
        KeyId=kms_key, NumberOfBytes=32, EncryptionContext={"purpose": "touch"}
    )["CiphertextBlob"]
    item = {"pk": {"S": "key#touch"}, "sk": {"S": "k2"}, "wrapped": {"B": wrapped}}
    aws_world.aws.dynamodb.put_item(TableName=table, Item=item)
    ring = KeyRing(aws_world.aws.kms, kms_key, aws_world.aws.dynamodb, table)
    assert ring.current("touch").id == "k2"
    assert ring.of("touch", "k1") == first


def registries(aws_world: Any, refresh: float) -> tuple[DynamoRegistry, DynamoRegistry, Objects, list[float]]:
    """A publisher, a reader with its own clock (seconds, to be set), and what both read from."""
    table, objects, now = aws_world.table("registry"), Objects(), [0.0]
    publisher = DynamoRegistry(aws_world.aws.dynamodb, table, objects, refresh=0)
    reader = DynamoRegistry(aws_world.aws.dynamodb, table, objects, refresh, monotonic=lambda: now[0])
    return publisher, reader, objects, now


def test_a_reader_looks_again_only_when_its_time_has_come(aws_world: Any) -> None:
    publisher, reader, _, now = registries(aws_world, refresh=15)
    assert reader.current().version == 0
    publisher.publish(Ruleset(1))
    now[0] = 14.9
    assert reader.current().version == 0
    now[0] = 15
    assert reader.current().version == 1


def test_a_ruleset_is_read_once_while_its_version_stands(aws_world: Any) -> None:
    publisher, reader, objects, _ = registries(aws_world, refresh=0)
    publisher.publish(Ruleset(1))
    assert reader.current() is reader.current()
    assert objects.read == 1


def test_a_publisher_sees_at_once_what_it_published(aws_world: Any) -> None:
    _, reader, _, _ = registries(aws_world, refresh=999)
    assert reader.current().version == 0
    reader.publish(Ruleset(1))
    assert reader.current().version == 1


def test_a_publisher_that_died_before_the_pointer_moved_is_in_nobody_s_way(aws_world: Any) -> None:
    _, reader, objects, _ = registries(aws_world, refresh=0)
    dead = DynamoRegistry(aws_world.aws.dynamodb, "no-such-table", objects, refresh=0)
    with pytest.raises(aws_world.aws.dynamodb.exceptions.ResourceNotFoundException):
        dead.publish(Ruleset(1, scripts={"s": "never seen"}))
    reader.publish(Ruleset(1, scripts={"s": "seen"}))
    assert reader.current() == replace(Ruleset(1), scripts={"s": "seen"})
