"""Sealed lists over objects in memory: what lies in them, what is read of them, and when they are trusted."""

from collections.abc import Mapping

import pytest

from cellwave.adapters.lists import SealedTargetLists
from cellwave.adapters.memory import MemoryDataKeys, MemoryObjectStore
from cellwave.adapters.packing import unpack_pseudonym
from cellwave.domain.errors import CellwaveError, Conflict, InputError, NotFound
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave.ports.keys import DataKey

PSEUDONYMS = Pseudonymizer("k1", bytes(32))
MEMBERS = [PSEUDONYMS.of(f"8613{number:09d}") for number in range(400)]


class CountingObjects(MemoryObjectStore):
    """Counts what is read, and can die before a manifest is written."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.dies = False

    def get(self, key: str) -> bytes:
        self.read.append(key)
        return super().get(key)

    def put_new(self, key: str, body: bytes) -> bool:
        if self.dies and key.endswith("manifest.json"):
            raise ConnectionError
        return super().put_new(key, body)

    def spoil(self, key: str, body: bytes) -> None:
        self.delete([key])
        super().put_new(key, body)


@pytest.fixture
def objects() -> CountingObjects:
    return CountingObjects()


@pytest.fixture
def keys() -> MemoryDataKeys:
    return MemoryDataKeys()


@pytest.fixture
def lists(objects: CountingObjects, keys: MemoryDataKeys) -> SealedTargetLists:
    return SealedTargetLists(objects, keys)


def lane(sub: str) -> int:
    return lane_of(partition_of(sub))


def shards(objects: CountingObjects) -> list[str]:
    return [key for key in objects.keys("lists/") if not key.endswith("manifest.json")]


def test_a_look_reads_the_manifest_once_and_one_lane_s_shard_once(
    lists: SealedTargetLists, objects: CountingObjects
) -> None:
    version = lists.publish("ringback", 1, MEMBERS)
    objects.read.clear()
    same_lane = [sub for sub in MEMBERS if lane(sub) == lane(MEMBERS[0])]
    assert len(same_lane) > 1
    assert all(lists.holds(version, sub) for sub in same_lane)
    assert len(objects.read) == 2
    assert objects.read[1].endswith(f"/{lane(MEMBERS[0]):02d}")


def test_a_lane_without_members_costs_no_read(lists: SealedTargetLists, objects: CountingObjects) -> None:
    version = lists.publish("ringback", 1, MEMBERS[:1])
    elsewhere = next(sub for sub in MEMBERS if lane(sub) != lane(MEMBERS[0]))
    assert not lists.holds(version, elsewhere)
    assert not any(key in shards(objects) for key in objects.read)


def test_what_is_kept_in_memory_is_bounded(objects: CountingObjects, keys: MemoryDataKeys) -> None:
    version = SealedTargetLists(objects, keys).publish("ringback", 1, MEMBERS)
    one_each = list({lane(sub): sub for sub in MEMBERS}.values())
    small = SealedTargetLists(objects, keys, cache_bytes=16)
    objects.read.clear()
    for _ in range(2):
        assert all(small.holds(version, sub) for sub in one_each)
    assert len(objects.read) == 1 + 2 * len(one_each)


def test_objects_show_neither_pseudonyms_nor_their_bytes(lists: SealedTargetLists, objects: CountingObjects) -> None:
    lists.publish("ringback", 1, MEMBERS)
    whole = b"".join(objects.get(key) for key in objects.keys("")) + "".join(objects.keys("")).encode()
    assert not any(sub[3:].encode() in whole or unpack_pseudonym(sub)[1] in whole for sub in MEMBERS)


def test_a_pseudonym_written_another_way_is_not_on_the_list(lists: SealedTargetLists) -> None:
    version = lists.publish("ringback", 1, ["k1-AAAAAAAAAAAAAAAAAAAAAA"])
    assert not lists.holds(version, "k1-AAAAAAAAAAAAAAAAAAAAAB")
    assert not lists.holds(version, "k1-AAAAAAAAAAAAAAAAAAAAAA==")
    assert not lists.holds(version, "k1AAAAAAAAAAAAAAAAAAAAAA")
    assert not lists.holds(version, "")


def test_the_same_bytes_under_another_key_are_another_subscriber(lists: SealedTargetLists) -> None:
    version = lists.publish("ringback", 1, MEMBERS)
    renamed = ["k2" + sub[2:] for sub in MEMBERS if lane("k2" + sub[2:]) == lane(sub)]
    assert renamed
    assert not any(lists.holds(version, sub) for sub in renamed)


def test_a_shard_that_is_not_the_manifest_s_is_not_trusted(lists: SealedTargetLists, objects: CountingObjects) -> None:
    version = lists.publish("ringback", 1, MEMBERS)
    [key] = [key for key in shards(objects) if key.endswith(f"/{lane(MEMBERS[0]):02d}")]
    objects.spoil(key, objects.get(key)[:-1])
    with pytest.raises(CellwaveError, match="not the one that its manifest names"):
        lists.holds(version, MEMBERS[0])


def test_a_publisher_that_died_is_in_nobody_s_way(lists: SealedTargetLists, objects: CountingObjects) -> None:
    objects.dies = True
    with pytest.raises(ConnectionError):
        lists.publish("ringback", 1, MEMBERS[:200])
    assert shards(objects)
    objects.dies = False
    version = lists.publish("ringback", 1, MEMBERS)
    assert all(lists.holds(version, sub) for sub in MEMBERS)


def test_of_two_publishers_the_second_leaves_no_shards(objects: CountingObjects, keys: MemoryDataKeys) -> None:
    first = SealedTargetLists(objects, keys)
    published: list[object] = []

    class Overtaken(MemoryDataKeys):
        """Lets the other publisher finish once this one has found nothing standing."""

        def new(self, context: Mapping[str, str]) -> DataKey:
            published.append(first.publish("ringback", 1, MEMBERS))
            return keys.new(context)

    second = SealedTargetLists(objects, Overtaken())
    assert second.publish("ringback", 1, reversed(MEMBERS)) == published[0]
    assert len(shards(objects)) == len({lane(sub) for sub in MEMBERS})


def test_a_manifest_whose_answer_was_lost_keeps_its_shards(keys: MemoryDataKeys) -> None:
    class Unheard(MemoryObjectStore):
        """Writes the manifest, loses the answer, and refuses what the client then sends again."""

        def put_new(self, key: str, body: bytes) -> bool:
            return super().put_new(key, body) and not key.endswith("manifest.json")

    lists = SealedTargetLists(Unheard(), keys)
    version = lists.publish("ringback", 1, MEMBERS)
    assert all(lists.holds(version, sub) for sub in MEMBERS)


def test_a_version_shredded_while_it_is_written_is_no_success(keys: MemoryDataKeys) -> None:
    class Shredded(MemoryObjectStore):
        """Refuses a manifest for one that is gone when it is looked for."""

        def put_new(self, key: str, body: bytes) -> bool:
            return not key.endswith("manifest.json") and super().put_new(key, body)

    objects = Shredded()
    with pytest.raises(Conflict, match="shredded"):
        SealedTargetLists(objects, keys).publish("ringback", 1, MEMBERS)
    assert objects.keys("lists/") == []


def test_without_its_wrapped_key_a_list_is_noise_and_no_object_is_left(
    lists: SealedTargetLists, objects: CountingObjects, keys: MemoryDataKeys
) -> None:
    version = lists.publish("ringback", 1, MEMBERS)
    lists.shred(version)
    assert objects.keys("lists/") == []
    with pytest.raises(NotFound):
        SealedTargetLists(objects, keys).holds(version, MEMBERS[0])


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".", "a b", "a\n", "a\\b", "a\u202eb", "a" * 65])
def test_a_name_that_cannot_be_part_of_an_object_s_key_is_refused(
    lists: SealedTargetLists, objects: CountingObjects, name: str
) -> None:
    with pytest.raises(InputError):
        lists.publish(name, 1, MEMBERS)
    assert objects.keys("") == []


def test_what_binds_a_key_to_its_list_is_ascii(objects: CountingObjects) -> None:
    contexts: list[Mapping[str, str]] = []

    class Noting(MemoryDataKeys):
        """Notes the context of each key."""

        def new(self, context: Mapping[str, str]) -> DataKey:
            contexts.append(context)
            return super().new(context)

    lists = SealedTargetLists(objects, Noting())
    for name in ("ringback-2026.11_a", "天河"):
        lists.publish(name, 1, MEMBERS)
    assert [context["list"] for context in contexts] == ["ringback-2026.11_a", "%E5%A4%A9%E6%B2%B3"]


def test_members_under_two_keys_are_refused(lists: SealedTargetLists) -> None:
    with pytest.raises(ValueError, match="k1, k2"):
        lists.publish("ringback", 1, ["k1-AAAAAAAAAAAAAAAAAAAAAA", "k2-AAAAAAAAAAAAAAAAAAAAAA"])


def test_what_is_no_pseudonym_is_refused(lists: SealedTargetLists) -> None:
    with pytest.raises(ValueError, match="base64url"):
        lists.publish("ringback", 1, ["k1-short"])


def test_fewer_members_are_other_members(lists: SealedTargetLists) -> None:
    lists.publish("ringback", 1, MEMBERS)
    with pytest.raises(Conflict):
        lists.publish("ringback", 1, MEMBERS[:-1])
