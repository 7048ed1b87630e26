"""What comes on the stream: timers of silent phones, one-event records, and what cannot be used."""

import itertools
import json
import re

import pytest
from tests.e2e.scene import MINUTE_MS, Scene, until, wave

from cellwave.contracts.stream import encode_record
from cellwave.domain.campaign import AreaDwelled
from cellwave.domain.identifiers import explicit_hash_key, lane_of, partition_of
from cellwave.domain.signalling import Event
from cellwave_ops.operations import depth
from cellwave_ops.stack import Stack

NUMBER = "353850000017"
BROKEN = {
    b"\x01no frame, but " + NUMBER.encode(): "not one zstd frame",
    b"[]": "neither an aggregated record nor a JSON object",
    b'{"sub": "+353 85 000 0017", "ts": 1, "type": "sighting", "cell": "x"}': "sub is not a pseudonym",
    b'{"ts": 1, "number": "' + NUMBER.encode() + b'"': "Input data was truncated",
}


def test_the_dwell_timer_of_a_silent_phone_fires_by_a_tick(stack: Stack, scene: Scene) -> None:
    [who] = scene.people(1)
    scene.campaign([wave("silent", "push", hours=12)], trigger=AreaDwelled(scene.name, 600))
    arrival = scene.now()
    scene.show([scene.seen(who, arrival)])
    due = arrival + 600 * MINUTE_MS  # long after all that any test sends

    stack.wiring.ticks.tick(due - 1)
    scene.show([_neighbour(scene, who)])  # what comes after a tick in its lane is worked off after it
    assert scene.journeys() == []
    stack.wiring.ticks.tick(due)
    until(scene.journeys, "the timer to fire")
    assert scene.journey(who).trigger_ts == due


def _neighbour(scene: Scene, who: str) -> Event:
    """An event of somebody in the same lane, whom no list knows."""
    lane = lane_of(partition_of(scene.sub(who)))
    strangers = (f"99962{number:08d}" for number in itertools.count())
    return next(scene.seen(one) for one in strangers if lane_of(partition_of(scene.sub(one))) == lane)


def test_what_is_malformed_is_quarantined_and_delays_nobody(stack: Stack, scene: Scene) -> None:
    one, another, third = scene.people(3)
    scene.campaign([wave("patient", "push", hours=12)])
    lane = lane_of(partition_of(scene.sub(one)))
    bad = Event(scene.sub(one), scene.now(), "teleported", NUMBER)
    record = encode_record(scene.name, 1, lane, scene.now(), events=[bad, scene.seen(one)])
    known = set(stack.wiring.objects.keys("quarantine/"))

    for data in BROKEN:
        _put(stack, data, lane)
    _put(stack, record, lane)
    single = scene.seen(another)
    one_event = {"sub": single.sub, "ts": single.ts, "type": single.type, "cell": single.cell, "clock": single.ts}
    _put(stack, json.dumps(one_event).encode(), lane)
    without_clock = {"sub": scene.sub(third), "ts": scene.now(), "type": "call_in", "cell": scene.cell}
    _put(stack, json.dumps(without_clock).encode(), lane)

    until(lambda: len(scene.journeys()) == 3, "all three to match")
    objects = stack.wiring.objects
    put_aside = [json.loads(objects.get(key)) for key in set(objects.keys("quarantine/")) - known]
    reasons = [*BROKEN.values(), "type: not one of the known values"]
    assert len(put_aside) == len(reasons)
    for reason in reasons:
        assert [one["content"] for one in put_aside if reason in one["reason"]]
    assert not [one for one in put_aside if re.search(r"\d{5}", re.sub(r"\b1\d{12}\b", "ms", one["content"]))]
    assert {one["index"] for one in put_aside} == {-1, 0}
    assert depth(stack, stack.outputs["MatcherFailuresQueue"]) == 0


@pytest.mark.parametrize("kind", ["late", "ahead"])
def test_an_event_that_does_not_fit_its_records_clock_matches_nobody(stack: Stack, scene: Scene, kind: str) -> None:
    one, good = scene.people(2)
    scene.campaign([wave("punctual", "push", hours=12)])
    clock = scene.now() + 20 * MINUTE_MS
    ts = clock - 10 * MINUTE_MS - 1 if kind == "late" else clock + MINUTE_MS + 1
    lane = lane_of(partition_of(scene.sub(one)))
    event = {"sub": scene.sub(one), "ts": ts, "type": "sighting", "cell": scene.cell, "clock": clock}
    _put(stack, json.dumps(event).encode(), lane)
    fine = {**event, "sub": scene.sub(good), "ts": clock}
    _put(stack, json.dumps(fine).encode(), lane)

    until(lambda: scene.journeys(), "the good one to match")
    assert [journey.sub for journey in scene.journeys()] == [scene.sub(good)]


def _put(stack: Stack, data: bytes, lane: int) -> None:
    stack.kinesis().put_record(
        StreamName=stack.outputs["SignallingStream"],
        Data=data,
        PartitionKey="a-test",
        ExplicitHashKey=explicit_hash_key(lane),
    )
