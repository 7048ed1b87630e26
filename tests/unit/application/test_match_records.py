"""The matcher on records: what is counted, put aside, swept and written; and what is not."""

import json
import time
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from tests.unit.application.faults import Faults, crash_at
from tests.unit.application.machine import Crash
from tests.unit.application.world import BEGIN, HOUR, MINUTE, World, campaign, subscribers

from cellwave.application.match_batch import TIDY_EVERY
from cellwave.application.publish import Publication, publish
from cellwave.domain.campaign import AreaDwelled
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.signalling import AHEAD_AFTER_MS, LATE_AFTER_MS, Event, Record, Rejected

_POSITIONS = count(1)


def seen(sub: str, ts: int, cell: str = "c1", type: str = "sighting") -> Event:
    return Event(sub, ts, type, cell)


def record(*events: Event, clock: int | None = BEGIN, tick: bool = False, lane: int | None = None) -> Record:
    """Return a record of a lane, the next one of its shard."""
    where = lane_of(partition_of(events[0].sub)) if lane is None else lane
    position = next(_POSITIONS)
    return Record(position, where, "p", position, clock, tick, tuple(events))


def tick(sub: str, clock: int) -> Record:
    return record(clock=clock, tick=True, lane=lane_of(partition_of(sub)))


def match(world: World, *records: Record, shard: str = "shard-0") -> dict[str, int]:
    return dict(world.matcher.match(shard, records).counts)


@pytest.fixture
def sub(subs: list[str]) -> str:
    return subs[0]


def test_a_sighting_in_the_area_opens_a_journey_at_its_own_time(world: World, sub: str) -> None:
    match(world, record(seen(sub, BEGIN - 5)))
    assert world.the(sub).trigger_ts == BEGIN - 5


def test_a_timer_fires_by_a_tick_for_a_phone_that_stays_silent_and_not_before_it_is_due(world: World, sub: str) -> None:
    match(world, record(seen(sub, BEGIN)))
    match(world, tick(sub, BEGIN + 20 * MINUTE - 1))
    assert [journey.campaign for journey in world.journeys.of(sub)] == ["ringback"]
    match(world, tick(sub, BEGIN + 20 * MINUTE))
    assert world.the(sub, "mall-dwell").trigger_ts == BEGIN + 20 * MINUTE


def test_a_timer_set_and_due_within_one_batch_fires_in_it(world: World, sub: str) -> None:
    match(world, record(seen(sub, BEGIN)), tick(sub, BEGIN + 21 * MINUTE))
    assert world.the(sub, "mall-dwell").trigger_ts == BEGIN + 20 * MINUTE


def test_a_timer_due_before_the_last_tick_fires_by_the_next_one(world: World, sub: str) -> None:
    match(world, tick(sub, BEGIN + 21 * MINUTE))
    match(world, record(seen(sub, BEGIN), clock=BEGIN + 5 * MINUTE))
    match(world, tick(sub, BEGIN + 21 * MINUTE + 15_000))
    assert world.the(sub, "mall-dwell").trigger_ts == BEGIN + 20 * MINUTE


def test_due_marks_are_forgotten_once_worked_off(world: World, sub: str) -> None:
    match(world, record(seen(sub, BEGIN)))
    lane = lane_of(partition_of(sub))
    assert world.state.due(lane, 10**12) != []
    match(world, tick(sub, BEGIN + 30 * MINUTE))
    match(world, tick(sub, BEGIN + 31 * MINUTE))
    assert world.state.due(lane, 10**12) == []


def test_a_campaign_published_while_a_stay_is_open_fires_for_it_once_its_time_is_over(world: World, sub: str) -> None:
    match(world, record(seen(sub, BEGIN)), tick(sub, BEGIN + MINUTE))
    late = campaign("late", trigger=AreaDwelled("mall", 60))
    publish(world.registry, world.clock, Publication([late]), counts_from=BEGIN + 2 * MINUTE)
    match(world, tick(sub, BEGIN + 30 * MINUTE))
    match(world, tick(sub, BEGIN + 60 * MINUTE))
    assert world.the(sub, "late").trigger_ts == BEGIN + HOUR


def test_what_would_have_fired_before_the_publication_does_not(world: World, sub: str) -> None:
    match(world, record(seen(sub, BEGIN)), tick(sub, BEGIN + MINUTE))
    late = campaign("late", trigger=AreaDwelled("mall", 10))
    publish(world.registry, world.clock, Publication([late]), counts_from=BEGIN + 15 * MINUTE)
    match(world, tick(sub, BEGIN + 16 * MINUTE))
    assert [journey.campaign for journey in world.journeys.of(sub)] == ["ringback"]


def test_late_events_are_counted_and_dropped_and_those_ahead_put_aside_with_a_reason(world: World, sub: str) -> None:
    late, early = seen(sub, BEGIN - LATE_AFTER_MS - 1), seen(sub, BEGIN + AHEAD_AFTER_MS + 1)
    match(world, record(late, early))
    assert list(world.journeys.all()) == []
    stream = world.report().stream
    assert (stream["events"], stream["late"], stream["ahead"]) == (2, 1, 1)
    [key] = world.objects.keys("quarantine/")
    assert "more than 60 s ahead" in json.loads(world.objects.get(key))["reason"]


def test_a_rejected_event_is_put_aside_once_and_delays_nobody(world: World, sub: str) -> None:
    broken = replace(record(seen(sub, BEGIN)), rejected=(Rejected(1, "no ts", "{}"),))
    for _ in range(2):
        match(world, broken)
    assert world.the(sub).node == "text"
    assert len(world.objects.keys("quarantine/")) == 1
    assert world.report().stream["rejected"] == 1


def test_a_record_that_cannot_be_read_at_all_is_put_aside_and_passed(world: World, sub: str) -> None:
    unread = Record(next(_POSITIONS), -1, rejected=(Rejected(-1, "not a record", "??"),))
    match(world, unread, record(seen(sub, BEGIN)))
    assert world.the(sub).node == "text"
    [key] = world.objects.keys("quarantine/")
    assert json.loads(world.objects.get(key))["reason"] == "not a record"


def test_a_record_its_producer_sent_again_counts_as_a_duplicate_and_changes_nothing(world: World, sub: str) -> None:
    first = record(seen(sub, BEGIN, "elsewhere"))
    second = record(seen(sub, BEGIN))
    again = replace(first, position=next(_POSITIONS))
    match(world, first, second, again)
    assert world.report().stream["duplicate_records"] == 1
    assert world.report().stream["events"] == 2
    stays = world.state.load_pages([partition_of(sub)])[partition_of(sub)].subscribers[sub]
    assert stays == {"mall": [BEGIN, 0]}


def test_a_subscriber_on_no_list_leaves_no_trace_and_costs_no_page(world: World) -> None:
    [*_, stranger] = subscribers(40)
    match(world, record(seen(stranger, BEGIN)))
    assert list(world.journeys.all()) == []
    assert world.state.load_pages([partition_of(stranger)])[partition_of(stranger)].version == 0


def test_what_changes_nothing_is_not_written(world: World, sub: str) -> None:
    match(world, record(seen(sub, BEGIN)))
    before = world.state.load_pages([partition_of(sub)])[partition_of(sub)].version
    match(world, record(seen(sub, BEGIN + 1), seen(sub, BEGIN + 2, "c1"), Event(sub, BEGIN + 3, "web")))
    assert world.state.load_pages([partition_of(sub)])[partition_of(sub)].version == before == 1


def test_a_laggard_without_a_clock_costs_no_timer_though_its_lane_is_days_ahead(world: World, sub: str) -> None:
    """A one-event producer's old sighting must not prune an open stay whose timer has not fired."""
    match(world, record(seen(sub, BEGIN, "c1"), clock=None))
    match(world, record(clock=BEGIN + 200 * HOUR, lane=lane_of(partition_of(sub))))
    match(world, record(seen(sub, BEGIN + MINUTE, "c2"), clock=None))
    match(world, tick(sub, BEGIN + 200 * HOUR))
    found = {journey.campaign: journey.trigger_ts for journey in world.journeys.of(sub)}
    assert found == {
        "ringback": BEGIN,
        "mall-dwell": BEGIN + 20 * MINUTE,
        "data": BEGIN + MINUTE + 30 * MINUTE,
    }


def test_a_page_forgets_subscribers_who_never_came_back() -> None:
    world = World()
    partition = 7
    crowd = [f"k1-{number:022d}" for number in range(400_000) if partition_of(f"k1-{number:022d}") == partition]
    world.publish([campaign()], subs=crowd)
    visitor, *gone = crowd
    match(world, record(*[seen(each, BEGIN) for each in gone], lane=lane_of(partition)))
    for number in range(TIDY_EVERY):
        now = BEGIN + (100 + number) * HOUR
        cell = ("c1", "elsewhere")[number % 2]
        match(world, record(seen(visitor, now, cell), clock=now))
    assert set(world.state.load_pages([partition])[partition].subscribers) == {visitor}


def test_a_batch_costs_one_read_of_its_pages_and_one_write_of_those_that_changed(world: World, subs: list[str]) -> None:
    calls = Counting(world.state)
    matcher = replace(world.matcher, state=calls)
    records = [record(seen(each, BEGIN + step)) for step in range(50) for each in subs]
    matcher.match("shard-0", records)
    pages = {partition_of(each) for each in subs}
    assert (calls.counts["load_lanes"], calls.counts["load_pages"], calls.counts["save_pages"]) == (1, 1, 1)
    assert {page.version for page in world.state.load_pages(pages).values()} == {1}


class Counting:
    """A port that counts its calls."""

    def __init__(self, port: object):
        self._port = port
        self.counts: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        self.counts[name] = self.counts.get(name, 0) + 1
        return getattr(self._port, name)


def seconds_for(subs: list[str], copies: int) -> float:
    world = World(faults=Faults())
    world.publish(subs=subs)
    events = [seen(each, BEGIN + step, ("c1", "c3", "elsewhere")[step % 3]) for step in range(copies) for each in subs]
    by_lane: dict[int, list[Event]] = {}
    for event in events:
        by_lane.setdefault(lane_of(partition_of(event.sub)), []).append(event)
    records = [
        record(*of_lane[start : start + 200], lane=lane)
        for lane, of_lane in by_lane.items()
        for start in range(0, len(of_lane), 200)
    ]
    matcher = world.matcher
    begun = time.perf_counter()
    matcher.match("shard-0", records)
    return time.perf_counter() - begun


def test_the_time_of_a_batch_grows_with_its_events_not_with_their_square() -> None:
    subs = subscribers(300, lanes=8)
    seconds_for(subs, 5)
    small = min(seconds_for(subs, 10) for _ in range(3))
    large = min(seconds_for(subs, 80) for _ in range(2))
    assert large < small * 8 * 3
    assert large < 300 * 80 * 100e-6, "100 us an event, many times what it takes"


def test_what_a_page_holds_already_is_not_applied_again_by_the_retry(world: World, sub: str) -> None:
    """In and out at one moment would open, fire and close the stay anew."""
    batch = [record(seen(sub, BEGIN), seen(sub, BEGIN, "elsewhere")), record(seen(sub, BEGIN, "c3"))]
    with pytest.raises(Crash):
        crash_at(world.faults, "save_lanes", lambda: world.matcher.match("shard-0", batch))
    before = world.state.load_pages([partition_of(sub)])[partition_of(sub)]
    match(world, *batch)
    assert world.state.load_pages([partition_of(sub)])[partition_of(sub)] == before
    assert before.version == 1


def test_a_timer_that_a_crashed_first_batch_set_is_seen_by_the_tick_that_comes_with_the_retry(
    world: World, sub: str
) -> None:
    """The page and the due mark stand, the lane does not: it is not as new as it looks."""
    first = record(seen(sub, BEGIN))
    with pytest.raises(Crash):
        crash_at(world.faults, "save_lanes", lambda: world.matcher.match("shard-0", [first]))
    match(world, first, tick(sub, BEGIN + 21 * MINUTE))
    assert world.the(sub, "mall-dwell").trigger_ts == BEGIN + 20 * MINUTE


def test_a_campaign_published_while_a_first_batch_was_crashing_fires_for_its_stays_too(world: World, sub: str) -> None:
    first = record(seen(sub, BEGIN))
    with pytest.raises(Crash):
        crash_at(world.faults, "save_lanes", lambda: world.matcher.match("shard-0", [first]))
    publish(
        world.registry, world.clock, Publication([campaign("new", trigger=AreaDwelled("mall", 60))]), counts_from=BEGIN
    )
    match(world, first)
    match(world, tick(sub, BEGIN + 30 * MINUTE))
    match(world, tick(sub, BEGIN + 60 * MINUTE))
    assert world.the(sub, "new").trigger_ts == BEGIN + HOUR


def test_a_tick_that_its_producer_sent_again_changes_no_count(world: World, sub: str) -> None:
    match(world, record(seen(sub, BEGIN)))
    once = tick(sub, BEGIN + 30 * MINUTE)
    match(world, once)
    counts = world.report().stream
    match(world, replace(once, position=next(_POSITIONS)), record(seen(sub, BEGIN + 1, "elsewhere")))
    assert {name: number for name, number in world.report().stream.items() if name not in ("events", "records")} == {
        name: number for name, number in counts.items() if name not in ("events", "records")
    }


def test_a_timer_set_behind_the_batchs_own_tick_is_seen_by_the_next_tick(world: World, sub: str) -> None:
    """An event may come ten minutes out of order: its timer can be due before a tick that went by."""
    publish(
        world.registry, world.clock, Publication([campaign("short", trigger=AreaDwelled("mall", 1))]), counts_from=0
    )
    match(world, record(seen(sub, BEGIN, "elsewhere")))
    match(world, tick(sub, BEGIN + 10 * MINUTE), record(seen(sub, BEGIN + 3 * MINUTE), clock=BEGIN + 10 * MINUTE))
    match(world, tick(sub, BEGIN + 11 * MINUTE))
    assert world.the(sub, "short").trigger_ts == BEGIN + 4 * MINUTE


def test_without_a_clock_an_event_is_never_too_old_for_the_stay_it_meets(world: World, sub: str) -> None:
    match(world, record(seen(sub, BEGIN), clock=None), record(seen(sub, BEGIN + 1, "elsewhere"), clock=None))
    match(world, record(seen(sub, BEGIN + 60 * HOUR), clock=None))
    before = len(world.journeys.of(sub))
    match(world, record(seen(sub, BEGIN - 1), clock=None))
    assert len(world.journeys.of(sub)) == before


def test_a_producer_silent_for_a_week_is_forgotten(world: World, sub: str) -> None:
    first = record(seen(sub, BEGIN))
    match(world, replace(first, producer="old"))
    later = BEGIN + 8 * 24 * HOUR
    match(world, replace(record(seen(sub, later), clock=later), producer="new"))
    [lane] = [lane for lane in world.state.all_lanes() if lane.numbers]
    assert set(lane.numbers) == set(lane.heard) == {"new"}
