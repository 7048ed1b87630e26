"""The deployed matcher, however records are cut, spread and swept, matches what a file matched offline does."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, zip_longest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.naive.worlds import AREAS, BEGIN, GAPS, worlds
from tests.naive.worlds import World as Drawn
from tests.unit.application.world import World

from cellwave.application.match_offline import match_events
from cellwave.application.publish import Publication, publish
from cellwave.domain.flow import Flow, Wave
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.signalling import AHEAD_AFTER_MS, LATE_AFTER_MS, Event, Record

ONE = Flow("one", 0, "text", {"text": Wave("text", ("sms",), "words", 24)})


def published(drawn: Drawn) -> World:
    """Return a world in which the drawn campaigns stand, each counting from its own moment."""
    world = World()
    world.clock.advance(BEGIN - world.clock.now())
    areas = {name: frozenset(cells) for name, cells in AREAS.items()}
    publish(world.registry, world.clock, Publication((), (ONE,), areas, {"words": "w"}))
    current = world.registry.current()
    lists = {name: world.lists.publish(name, 1, subs) for name, subs in drawn.lists.items()}
    full = replace(current, version=current.version + 1, lists=lists, campaigns=drawn.rules.campaigns)
    world.registry.publish(full)
    return world


def cut(events: list[Event], dice: random.Random) -> Iterator[list[Event]]:
    """Cut events in the order of their time into pieces that one record's clock can bear."""
    place = 0
    while place < len(events):
        piece = events[place : place + dice.randint(1, 6)]
        yield (piece := [event for event in piece if event.ts - piece[0].ts <= LATE_AFTER_MS])
        place += len(piece)


def records_of(events: list[Event], dice: random.Random, has_clock: bool) -> Iterator[Record]:
    """Return records, one a lane and piece, with ticks at or before all later events, and one at the end."""
    lanes = sorted({lane_of(partition_of(event.sub)) for event in events})
    numbers = count(1)
    pieces = list(cut(events, dice))
    for piece, following in zip_longest(pieces, pieces[1:]):
        now = piece[-1].ts
        clock = now - dice.choice((0, 0, dice.randint(0, AHEAD_AFTER_MS))) if has_clock else None
        for lane in lanes:
            mine = tuple(event for event in piece if lane_of(partition_of(event.sub)) == lane)
            if mine:
                yield Record((n := next(numbers)), lane, "p", n, clock, False, mine)
        if following is None or dice.random() < 0.4:
            tick = dice.randint(now, following[0].ts) if following else now
            for lane in lanes:
                yield Record((n := next(numbers)), lane, "p", n, tick, True)


def run_deployed(drawn: Drawn, seed: int, has_clock: bool) -> list[tuple[int, str, str, bool]]:
    """Hand the records over in batches at random and return what matched."""
    dice = random.Random(seed)  # noqa: S311 - seeded on purpose
    world = published(drawn)
    shards = dice.choice((1, 2, 5))
    records = list(records_of(drawn.domain_events, dice, has_clock))
    matcher = world.matcher
    while records:
        size = dice.randint(1, 8)
        batch, records = records[:size], records[size:]
        for shard in sorted({record.lane % shards for record in batch}):
            matcher.match(f"s{shard}", [record for record in batch if record.lane % shards == shard])
        if dice.random() < 0.3:
            matcher = world.matcher
    return sorted((j.trigger_ts, j.sub, j.campaign, j.state == "held_out") for j in world.journeys.all())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=worlds(disorder=False), seed=st.integers(0, 2**32), has_clock=st.booleans())
def test_deployed_matches_are_the_offline_matches(drawn: Drawn, seed: int, has_clock: bool) -> None:
    offline = match_events(drawn.rules, drawn.lists, drawn.domain_events)
    expected = [(found.trigger_ts, found.sub, found.campaign, found.held_out) for found in offline]
    assert run_deployed(drawn, seed, has_clock) == expected


def test_the_property_meets_matches_that_only_a_tick_can_fire() -> None:
    drawn = Drawn(
        campaigns=[
            {
                "campaign": "c",
                "product": "tone",
                "offer": "o",
                "targets": {"list": "red"},
                "trigger": {"kind": "area_dwelled", "area": "mall", "minutes": 10},
                "respond_within_hours": 24,
                "flow": "one",
            }
        ],
        lists={"red": frozenset({"anna"}), "blue": frozenset()},
        published={},
        events=[
            {"sub": "anna", "ts": BEGIN, "type": "sighting", "cell": "c1"},
            {"sub": "bela", "ts": BEGIN + GAPS[4], "type": "sighting", "cell": "c6"},
        ],
    )
    assert run_deployed(drawn, 1, True) == [(BEGIN + 600_000, "anna", "c", False)]
