"""A batch that was given up, put into the stream again without its number: applied or lost, each event counts once."""

from itertools import count

import pytest
from tests.unit.application.faults import crash_at
from tests.unit.application.machine import Crash
from tests.unit.application.world import BEGIN, MINUTE, World, canonical

from cellwave.contracts.stream import decode_record, encode_record, unnumbered
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.pages import Page
from cellwave.domain.signalling import Event

SHARD = "shard-0"


@pytest.fixture
def sub(subs: list[str]) -> str:
    return subs[0]


class Stream:
    """What goes to the matcher, at rising positions."""

    def __init__(self, world: World):
        self.world = world
        self.positions = count(1)

    def put(self, data: bytes) -> None:
        self.world.matcher.match(SHARD, [decode_record(data, next(self.positions))])


def record(number: int, *events: Event) -> bytes:
    lane = lane_of(partition_of(events[0].sub))
    return encode_record("probe", number, lane, max(event.ts for event in events), events=events)


def tick(sub: str, number: int, clock: int) -> bytes:
    return encode_record("probe", number, lane_of(partition_of(sub)), clock, tick=True)


def page(world: World, sub: str) -> Page:
    return world.state.load_pages([partition_of(sub)])[partition_of(sub)]


def test_what_a_first_attempt_applied_changes_nothing_when_it_is_redriven(world: World, sub: str) -> None:
    """In and out at one moment too, which would open, fire and close the stay anew."""
    stream = Stream(world)
    given_up = record(
        1, Event(sub, BEGIN, "sighting", "c1"), Event(sub, BEGIN, "power_off"), Event(sub, BEGIN + 1, "sighting", "c3")
    )
    with pytest.raises(Crash):
        crash_at(world.faults, "save_lanes", lambda: stream.put(given_up))
    stream.put(record(2, Event(sub, BEGIN + MINUTE, "sighting", "elsewhere")))
    before, journeys = page(world, sub).subscribers, canonical(world.journeys.of(sub))
    assert journeys
    stream.put(unnumbered(given_up))
    stream.put(tick(sub, 3, BEGIN + 40 * MINUTE))
    assert canonical(world.journeys.of(sub)) == journeys
    assert page(world, sub).subscribers == before


def test_events_that_were_lost_are_matched_when_they_are_redriven_and_only_without_their_number(
    world: World, sub: str
) -> None:
    stream = Stream(world)
    given_up = record(1, Event(sub, BEGIN, "sighting", "c1"))
    stream.put(record(2, Event(sub, BEGIN + MINUTE, "web")))
    stream.put(given_up)
    assert world.journeys.of(sub) == []
    stream.put(unnumbered(given_up))
    assert world.the(sub).trigger_ts == BEGIN
    stream.put(tick(sub, 3, BEGIN + 20 * MINUTE))
    assert world.the(sub, "mall-dwell").trigger_ts == BEGIN + 20 * MINUTE
