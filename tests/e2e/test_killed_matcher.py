"""A matcher that dies in the middle of a batch leaves no trace once its batch has been tried again."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.e2e.deployed import Deployed
from tests.e2e.scene import MINUTE_MS, Scene, counts, until, wave

from cellwave.application.match_offline import match_events
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.rules import Rules
from cellwave.domain.signalling import Event
from cellwave_ops.operations import depth

ROUNDS, PEOPLE_A_ROUND, KILLS_A_ROUND = 4, 100, 2
ENOUGH_KILLS = 2
NODE = "until-killed"


def test_a_matcher_killed_in_mid_batch_again_and_again_changes_nothing(deployed: Deployed, scene: Scene) -> None:
    stack = deployed.stack
    people = scene.people(ROUNDS * PEOPLE_A_ROUND)
    campaign = scene.campaign([wave(NODE, "email", hours=12)], holdout=10)
    before = counts(stack.wiring.state.all_lanes())
    events: list[Event] = []
    records = kills = 0

    for round in range(ROUNDS):
        here = people[round * PEOPLE_A_ROUND :][:PEOPLE_A_ROUND]
        start = scene.now()
        sent = [scene.seen(who, start + n * MINUTE_MS // 20) for n, who in enumerate(here)]
        packed = scene.records(sent)
        scene.send(packed)
        kills += _kill_in_mid_batch(deployed, scene, {event.sub for event in sent})
        scene.taken(packed)
        events += sent
        records += sum(record.events > 0 for record in packed)

    ruleset = stack.wiring.registry.current()
    rules = Rules.compile([ruleset.campaigns[campaign]], ruleset.areas)
    offline = match_events(rules, {scene.name: {scene.sub(who) for who in people}}, events)
    journeys = scene.journeys()
    after = counts(stack.wiring.state.all_lanes())
    assert kills >= ENOUGH_KILLS
    assert len(offline) == len(people)
    assert Counter((m.sub, m.trigger_ts, m.held_out) for m in offline) == Counter(
        (j.sub, j.trigger_ts, j.state == "held_out") for j in journeys
    )
    assert after["events"] - before.get("events", 0) == len(events)
    assert after["records"] - before.get("records", 0) == records
    assert after.get("duplicate_records", 0) == before.get("duplicate_records", 0)
    assert depth(stack, stack.outputs["MatcherFailuresQueue"]) == 0
    texts = _texts(scene)
    assert {j.sub: texts[j.sub] for j in journeys} == {j.sub: int(j.state == "in") for j in journeys}


def _texts(scene: Scene) -> Counter[str]:
    """Work the queue off and return how many texts each person got."""
    numbers: Counter[str] = Counter()
    sender = scene.sender("email", lambda touch, number, text: numbers.update([scene.sub(number)]))
    until(lambda: sender.poll(0) == 0 and depth(scene.stack, sender.queue_url) == 0, "the queue to be worked off")
    return numbers


def _kill_in_mid_batch(deployed: Deployed, scene: Scene, subs: set[str]) -> int:
    """Kill matchers that have opened journeys of these people and not saved their lanes; return how many."""
    kills = 0
    while kills < KILLS_A_ROUND and not _saved(scene) >= _lanes(subs):
        for process in _matchers(deployed.running.folder):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)  # it holds still while we look
                begun = {journey.sub for journey in scene.journeys()} & subs
                caught = bool(_lanes(begun) - _saved(scene))  # lanes are saved at the very end
                os.kill(process, signal.SIGKILL if caught else signal.SIGCONT)
                kills += caught
        time.sleep(0.01)
    return kills


def _lanes(subs: set[str]) -> set[int]:
    return {lane_of(partition_of(sub)) for sub in subs}


def _saved(scene: Scene) -> set[int]:
    """The lanes that have taken a record of the latest producer."""
    return {lane.lane for lane in scene.stack.wiring.state.all_lanes() if scene.producer in lane.numbers}


def _matchers(folder: Path) -> Iterator[int]:
    """Find the matcher's worker processes of this instance: they work in folders of their own below its `tmp`."""
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            where = entry.readlink()
            if where.is_relative_to(folder / "tmp") and "-match-signalling-" in str(where):
                yield int(entry.parent.name)
