"""The suite of StateStore."""

from collections.abc import Callable
from typing import Any

import pytest

from cellwave.adapters.dynamodb.state import DynamoStateStore
from cellwave.adapters.memory import MemoryStateStore
from cellwave.domain.errors import Conflict
from cellwave.domain.pages import Lane, Page
from cellwave.ports.state import StateStore

DAY_MS = 86_400_000
POSITION = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898  # of a real stream
STAYS = {"k1-AAAAAAAAAAAAAAAAAAAAAA": {"mall": [1_763_800_000_000, 0], "cinema": [1_763_700_000_000]}}


@pytest.fixture
def store(world: Any) -> StateStore:
    if world.in_memory:
        return MemoryStateStore(world.clock)
    return DynamoStateStore(world.aws.dynamodb, world.table("state"), world.clock)


def test_a_partition_without_a_page_gets_a_new_empty_one(store: StateStore) -> None:
    assert store.load_pages([7, 4095]) == {7: Page(7), 4095: Page(4095)}


def test_a_page_comes_back_as_it_was_saved(store: StateStore) -> None:
    page = Page(7, positions={"shardId-000000000000": POSITION}, subscribers=dict(STAYS))
    store.save_pages([page])
    assert page.version == 1
    assert store.load_pages([7]) == {7: Page(7, 1, {"shardId-000000000000": POSITION}, STAYS)}


def test_a_large_page_comes_back_as_it_was_saved(store: StateStore) -> None:
    subscribers = {f"k1-{number:022d}": {"mall": [1_763_800_000_000 + number, 0]} for number in range(2_000)}
    store.save_pages([Page(7, subscribers=subscribers)])
    assert store.load_pages([7])[7].subscribers == subscribers


def test_an_empty_page_keeps_its_position(store: StateStore) -> None:
    store.save_pages([Page(7, positions={"a": 5})])
    assert store.load_pages([7])[7].positions == {"a": 5}


def test_what_is_done_to_a_loaded_page_stays_unsaved_until_it_is_saved(store: StateStore) -> None:
    store.save_pages([Page(7, positions={"a": 1}, subscribers={"x": {"mall": [1]}})])
    page = store.load_pages([7])[7]
    page.subscribers["x"]["mall"].append(2)
    page.positions["a"] = 2
    assert store.load_pages([7])[7] == Page(7, 1, {"a": 1}, {"x": {"mall": [1]}})


def test_a_page_is_saved_again_and_again_by_the_one_who_holds_it(store: StateStore) -> None:
    page = store.load_pages([7])[7]
    for number in range(3):
        page.positions["a"] = number
        store.save_pages([page])
    assert store.load_pages([7])[7].version == page.version == 3


def test_many_pages_are_loaded_at_once_and_repeats_are_harmless(store: StateStore) -> None:
    for number in range(0, 250, 2):
        store.save_pages([Page(number, positions={"a": number})])
    pages = store.load_pages([0, 2, *range(250)])
    assert {number for number, page in pages.items() if page.version} == set(range(0, 250, 2))
    assert all(page.partition == number for number, page in pages.items())


def test_a_page_that_changed_meanwhile_is_not_overwritten(store: StateStore) -> None:
    mine, other = store.load_pages([7])[7], store.load_pages([7])[7]
    other.positions["a"] = 1
    store.save_pages([other])
    with pytest.raises(Conflict):
        store.save_pages([mine])
    assert mine.version == 0
    assert store.load_pages([7])[7].positions == {"a": 1}


def test_pages_that_nobody_else_touched_are_saved_beside_one_that_changed(store: StateStore) -> None:
    store.save_pages([Page(number) for number in range(0, 60, 2)])
    mine = list(store.load_pages(range(60)).values())
    [other] = store.load_pages([10]).values()
    store.save_pages([other])
    for page in mine:
        page.positions["mine"] = 1
    with pytest.raises(Conflict, match=r"P#0010"):
        store.save_pages(mine)
    found = store.load_pages(range(60))
    assert {number for number, page in found.items() if page.positions != {"mine": 1}} == {10}
    assert {page.partition: page.version for page in mine if page.partition != 10} == {
        number: page.version for number, page in found.items() if number != 10
    }


def test_of_writers_racing_for_a_new_page_one_wins(store: StateStore, race: Callable[..., list[Any]]) -> None:
    results = race(lambda number: store.save_pages([Page(7, positions={"a": number})]), 6)
    assert sum(isinstance(result, Conflict) for result in results) == 5
    assert store.load_pages([7]) == {7: Page(7, 1, {"a": results.index(None)})}


def test_of_writers_racing_for_a_page_one_wins(store: StateStore, race: Callable[..., list[Any]]) -> None:
    store.save_pages([Page(7)])
    pages = [store.load_pages([7])[7] for _ in range(6)]
    results = race(lambda number: store.save_pages([pages[number]]), 6)
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 5
    assert store.load_pages([7])[7].version == 2


def test_an_expired_page_reads_as_new_and_gives_way_to_a_new_one(world: Any, store: StateStore) -> None:
    store.save_pages([Page(7, positions={"a": 1})])
    stale = store.load_pages([7])[7]
    world.clock.advance(4 * DAY_MS - 1000)
    assert store.load_pages([7])[7].version == 1
    world.clock.advance(1000)
    new = store.load_pages([7])[7]
    assert new == Page(7)
    with pytest.raises(Conflict):
        store.save_pages([stale])
    store.save_pages([new])
    assert store.load_pages([7])[7].version == 1


def test_a_lane_never_worked_on_is_new(store: StateStore) -> None:
    assert store.load_lanes([0, 63]) == {0: Lane(0), 63: Lane(63)}
    assert list(store.all_lanes()) == []


def test_a_lane_comes_back_as_it_was_saved(store: StateStore) -> None:
    lane = Lane(3, 0, {"shardId-000000000000": POSITION}, 1_763_800_000_000, 4, {"replay-1": 17}, {"late": 2})
    store.save_lanes([lane])
    assert store.load_lanes([3]) == {
        3: Lane(3, 1, {"shardId-000000000000": POSITION}, 1_763_800_000_000, 4, {"replay-1": 17}, {"late": 2})
    }


def test_every_lane_that_was_saved_is_among_all(store: StateStore) -> None:
    for number in (63, 0, 20):
        store.save_lanes([Lane(number)])
    assert sorted(lane.lane for lane in store.all_lanes()) == [0, 20, 63]


def test_a_lane_that_changed_meanwhile_is_not_overwritten(store: StateStore) -> None:
    mine, other = store.load_lanes([3])[3], store.load_lanes([3])[3]
    other.count("events", 5)
    store.save_lanes([other])
    with pytest.raises(Conflict):
        store.save_lanes([mine])
    assert store.load_lanes([3])[3].counts == {"events": 5}


def test_an_expired_lane_reads_as_new_and_gives_way_to_a_new_one(world: Any, store: StateStore) -> None:
    store.save_lanes([Lane(3)])
    stale = store.load_lanes([3])[3]
    world.clock.advance(400 * DAY_MS)
    assert store.load_lanes([3]) == {3: Lane(3)}
    assert list(store.all_lanes()) == []
    with pytest.raises(Conflict):
        store.save_lanes([stale])
    store.save_lanes([Lane(3)])


def test_due_marks_add_up_and_come_in_order_up_to_the_minute_asked_for(store: StateStore) -> None:
    store.add_due(1, {29_400_010: [5], 29_400_009: [64, 70]})
    store.add_due(1, {29_400_009: [70, 71], 29_400_011: [1]})
    store.add_due(2, {29_400_009: [130]})
    found = [(mark.minute, mark.partitions) for mark in store.due(1, 29_400_010)]
    assert found == [(29_400_009, frozenset({64, 70, 71})), (29_400_010, frozenset({5}))]


def test_a_due_mark_worked_off_is_forgotten_and_forgetting_twice_is_harmless(store: StateStore) -> None:
    store.add_due(1, {10: [64], 11: [65]})
    first = store.due(1, 10)
    store.clear_due(1, first)
    store.clear_due(1, first)
    assert [mark.minute for mark in store.due(1, 99)] == [11]


def test_a_due_mark_added_to_since_it_was_read_is_kept(store: StateStore) -> None:
    store.add_due(1, {10: [64]})
    read = store.due(1, 10)
    store.add_due(1, {10: [64]})
    store.clear_due(1, read)
    assert [mark.partitions for mark in store.due(1, 10)] == [frozenset({64})]


def test_a_due_mark_set_anew_after_it_was_cleared_is_kept_from_an_old_reader(store: StateStore) -> None:
    store.add_due(1, {10: [64]})
    read = store.due(1, 10)
    store.clear_due(1, store.due(1, 10))
    store.add_due(1, {10: [65]})
    store.clear_due(1, read)
    assert [mark.partitions for mark in store.due(1, 10)] == [frozenset({65})]


def test_an_expired_due_mark_is_not_read(world: Any, store: StateStore) -> None:
    store.add_due(1, {10: [64]})
    world.clock.advance(4 * DAY_MS)
    assert store.due(1, 10) == []


def test_nothing_to_do_is_no_error(store: StateStore) -> None:
    store.add_due(1, {})
    store.clear_due(1, [])
    store.save_pages([])
    assert store.load_pages([]) == {}
    assert store.load_lanes([]) == {}
