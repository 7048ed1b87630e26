"""The suite of JourneyStore."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cellwave.adapters.dynamodb.journeys import DynamoJourneyStore
from cellwave.adapters.memory import MemoryJourneyStore
from cellwave.domain.journey import Journey, Step
from cellwave.ports.journeys import JourneyStore, Mark

HOUR_MS = 3_600_000
DAYS_400_MS = 400 * 24 * HOUR_MS
TS = 1_763_800_000_000
SUB = "k1-AAAAAAAAAAAAAAAAAAAAAA"
STEP = Step("text", "considering", "delivered", 1, "sms")


def journey(number: int = 0, sub: str = SUB) -> Journey:
    return Journey(
        id=f"journey-{number:08d}",
        sub=sub,
        campaign="ringback-mall",
        product="ringback-tone",
        flow="three-wave@1",
        trigger_ts=TS + number,
        state="in",
        node="counter",
        wave="counter-abc",
        due=TS + 24 * HOUR_MS,
        respond_by=TS + HOUR_MS,
        touch="open",
        steps=(STEP,),
    )


@pytest.fixture
def store(world: Any) -> JourneyStore:
    if world.in_memory:
        return MemoryJourneyStore(world.clock)
    return DynamoJourneyStore(world.aws.dynamodb, world.table("journeys"), world.clock)


def test_a_journey_created_comes_back_at_revision_one(store: JourneyStore) -> None:
    created = replace(journey(), revision=1)
    assert store.create([journey()]) == [created]
    assert store.get([(SUB, created.id)]) == {(SUB, created.id): created}


def test_creating_again_changes_nothing_and_returns_what_stands(store: JourneyStore) -> None:
    store.create([journey()])
    moved = replace(journey(), touch="shown", revision=1)
    store.replace([moved])
    stands = replace(moved, revision=2)
    assert store.create([replace(journey(), node="elsewhere")]) == [stands]
    assert store.of(SUB) == [stands]


def test_results_come_in_the_order_of_what_was_asked(store: JourneyStore) -> None:
    store.create([journey(number) for number in range(0, 60, 3)])
    store.replace([replace(journey(number), revision=1) for number in range(0, 60, 6)])
    created = store.create([journey(number) for number in range(60)])
    assert [one.id for one in created] == [journey(number).id for number in range(60)]
    assert [one.revision for one in created] == [2 if number % 6 == 0 else 1 for number in range(60)]
    written = store.replace([replace(one, revision=1) for one in created])
    assert written == [number % 6 != 0 for number in range(60)]


def test_many_journeys_are_read_at_once_repeats_are_harmless_and_the_absent_left_out(store: JourneyStore) -> None:
    created = store.create([journey(number, f"k1-{number:022d}") for number in range(120)])
    keys = [(one.sub, one.id) for one in created]
    assert store.get([*keys[:3], *keys, (SUB, "nobody")]) == dict(zip(keys, created, strict=True))
    assert store.get([]) == {}


def test_of_returns_the_journeys_of_one_subscriber_only(store: JourneyStore) -> None:
    store.mark([Mark(SUB, "ringback-mall", TS, None)])
    mine = store.create([journey(1), journey(0)])
    store.create([journey(2, "k1-BBBBBBBBBBBBBBBBBBBBBB")])
    assert store.of(SUB) == [mine[1], mine[0]]
    assert store.of("k1-CCCCCCCCCCCCCCCCCCCCCC") == []


def test_all_returns_every_journey_and_no_mark(store: JourneyStore) -> None:
    store.mark([Mark(SUB, "ringback-mall", TS, None)])
    created = store.create([journey(number, f"k1-{number:022d}") for number in range(30)])
    assert sorted(store.all(), key=lambda one: one.id) == created


def test_a_journey_is_replaced_at_its_own_revision_only(store: JourneyStore) -> None:
    [created] = store.create([journey()])
    assert store.replace([replace(created, touch="shown")]) == [True]
    assert store.replace([replace(created, touch="none")]) == [False]
    assert store.of(SUB) == [replace(created, touch="shown", revision=2)]


def test_a_journey_that_does_not_exist_is_not_replaced(store: JourneyStore) -> None:
    assert store.replace([replace(journey(), revision=1), journey(1)]) == [False, False]
    assert store.of(SUB) == []


def test_of_writers_racing_for_a_journey_one_wins_even_with_equal_content(
    store: JourneyStore, race: Callable[..., list[Any]]
) -> None:
    [created] = store.create([journey()])
    results = race(lambda _: store.replace([replace(created, touch="claimed")]), 8)
    assert sorted(results) == [[False]] * 7 + [[True]]
    assert store.of(SUB)[0].revision == 2


def test_racing_creators_all_see_the_one_that_stands(store: JourneyStore, race: Callable[..., list[Any]]) -> None:
    results = race(lambda number: store.create([replace(journey(), node=f"node-{number}")]), 6)
    assert results == [store.of(SUB)] * 6


def test_an_expired_journey_is_not_read_not_replaced_and_gives_way(world: Any, store: JourneyStore) -> None:
    [created] = store.create([journey()])
    world.clock.advance(DAYS_400_MS)
    assert store.get([(SUB, created.id)]) == {}
    assert store.of(SUB) == []
    assert list(store.all()) == []
    assert store.replace([created]) == [False]
    assert store.create([replace(journey(), node="anew")]) == [replace(journey(), node="anew", revision=1)]


def mark(ts: int, hours: int | None = None, campaign: str = "ringback-mall") -> Mark:
    return Mark(SUB, campaign, ts, hours)


def test_the_first_trigger_enters_and_its_retry_is_the_same(store: JourneyStore) -> None:
    assert store.mark([mark(TS)]) == ["entered"]
    assert store.mark([mark(TS)]) == ["same"]


def test_a_campaign_entered_once_is_spent_for_ever(store: JourneyStore) -> None:
    store.mark([mark(TS)])
    assert store.mark([mark(TS + 1000 * HOUR_MS)]) == ["spent"]
    assert store.mark([mark(TS - 1)]) == ["spent"]


def test_re_entry_is_open_from_the_hour_on_to_the_millisecond(store: JourneyStore) -> None:
    store.mark([mark(TS, 2)])
    assert store.mark([mark(TS + 2 * HOUR_MS - 1, 2)]) == ["spent"]
    assert store.mark([mark(TS + 2 * HOUR_MS, 2)]) == ["entered"]
    assert store.mark([mark(TS + 2 * HOUR_MS, 2)]) == ["same"]
    assert store.mark([mark(TS + 3 * HOUR_MS, 2)]) == ["spent"]


def test_an_earlier_trigger_than_the_one_that_entered_is_spent(store: JourneyStore) -> None:
    store.mark([mark(TS, 2)])
    assert store.mark([mark(TS - 100 * HOUR_MS, 2)]) == ["spent"]


def test_marks_are_told_apart_by_subscriber_and_campaign(store: JourneyStore) -> None:
    store.mark([mark(TS)])
    others = [mark(TS + 5), mark(TS, campaign="other"), Mark("k1-BBBBBBBBBBBBBBBBBBBBBB", "ringback-mall", TS, None)]
    assert store.mark(others) == ["spent", "entered", "entered"]
    assert store.mark([]) == []


def test_of_triggers_racing_for_a_mark_one_enters(store: JourneyStore, race: Callable[..., list[Any]]) -> None:
    results = race(lambda number: store.mark([mark(TS + number)]), 6)
    assert sorted(results) == [["entered"]] + [["spent"]] * 5


def test_an_expired_mark_is_as_if_it_were_not_there(world: Any, store: JourneyStore) -> None:
    store.mark([mark(TS)])
    world.clock.advance(DAYS_400_MS - 1000)
    assert store.mark([mark(TS + 1)]) == ["spent"]
    world.clock.advance(1000)
    assert store.mark([mark(TS + 1)]) == ["entered"]


def test_all_marks_are_listed_as_they_stand(store: JourneyStore) -> None:
    store.mark([Mark("k1-marked", "one", 5, 1), Mark("k1-marked", "two", 7, None)])
    store.mark([Mark("k1-marked", "one", 5 + 3_600_000, 1)])
    found = {(mark.campaign, mark.trigger_ts) for mark in store.marks() if mark.sub == "k1-marked"}
    assert found == {("one", 3_600_005), ("two", 7)}
