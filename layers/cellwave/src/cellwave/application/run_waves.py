"""What an execution of the wave machine does: gather, collect and merge a cohort, dispatch the next wave.

Collecting writes nothing to the journeys: it lists where each goes, create-only, so that a retry says the same.
Dispatching writes each journey once, then queues its touch: queued first, a message could overtake its journey.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cellwave.application.cohorts import (
    Cohorts,
    Member,
    WaveInput,
    chunk_prefix,
    chunk_size,
    list_members,
    read_members,
    write_members,
)
from cellwave.application.placements import place
from cellwave.domain.errors import Conflict
from cellwave.domain.flow import Flow
from cellwave.domain.journey import Journey, enter, next_wave, route, timed_out, timeout_port
from cellwave.domain.ruleset import Ruleset
from cellwave.ports.delivery import ChannelQueues, ObjectStore, TouchTokens
from cellwave.ports.journeys import JourneyStore

_TRIES: Final = 5


def gather(objects: ObjectStore, wave: WaveInput) -> dict[str, Any] | None:
    """Return the `members` of a first wave's cohort: all chunks that were added until now; None if there are none."""
    chunks = [(key, chunk_size(key)) for key in objects.keys(chunk_prefix(wave.wave))]
    return list_members(objects, f"waves/{wave.name}/members.json", chunks)


def collect(
    objects: ObjectStore, journeys: JourneyStore, flow: Flow, wave: WaveInput, parts: Sequence[str], index: int
) -> dict[str, int]:
    """List where the members in `parts` go now that the window is over; return how many go to each node.

    The list is the object `waves/<execution>/<index>.json`; the first version wins.
    """
    members = read_members(objects, parts, wave.node)
    standing = journeys.get([(member.sub, member.journey) for member in members])
    going: dict[str, list[Member]] = {}
    for journey in standing.values():
        to = route(flow, journey, wave.wave, wave.node, wave.depth)
        if to.target is not None:
            going.setdefault(to.target, []).append(Member(journey.sub, journey.id, to.ahead))
    objects.put_new(part_key(wave, index), write_members(going))
    return counted(objects, wave, index)


def counted(objects: ObjectStore, wave: WaveInput, index: int) -> dict[str, int]:
    """Return how many members shard `index` collected for each node. Raises NotFound where it is not collected yet."""
    first = json.loads(objects.get(part_key(wave, index)))
    return {node: len(group) for node, group in sorted(first.items())}


def shard_count(objects: ObjectStore, members: Mapping[str, Any]) -> int:
    """Return how many shards an execution's members lie in."""
    return len(json.loads(objects.get(members["manifest"]))) if "manifest" in members else 1


def part_key(wave: WaveInput, index: int) -> str:
    """Return the key of what shard `index` of a wave collected."""
    return f"waves/{wave.name}/{index:05d}.json"


def merge(
    objects: ObjectStore, flow: Flow, wave: WaveInput, counts: Sequence[Mapping[str, int]]
) -> list[dict[str, Any]]:
    """Return name and input of one next execution a target node, from what each shard counted."""
    following = []
    for node in sorted({node for count in counts for node in count}):
        parts = [(part_key(wave, index), count[node]) for index, count in enumerate(counts) if count.get(node)]
        members = list_members(objects, f"waves/{wave.name}/to-{node}.json", parts)
        name, due = next_wave(flow, wave.wave, wave.due, node)
        follows = WaveInput(
            name, wave.flow, node, wave.depth + 1, wave.wave, due, enter=True, salt=wave.salt, members=members
        )
        following.append({"name": follows.name, "input": follows.document()})
    return following


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Moves the members of a wave into it and queues their touches."""

    objects: ObjectStore
    journeys: JourneyStore
    queues: ChannelQueues
    tokens: TouchTokens
    cohorts: Cohorts

    def dispatch(self, ruleset: Ruleset, wave: WaveInput, parts: Sequence[str]) -> int:
        """Dispatch the members in `parts`; return how many journeys are in the wave by it.

        Raises Conflict when a journey keeps changing under it: the machine tries again.
        """
        flow = ruleset.flows[wave.flow]
        members = read_members(self.objects, parts, wave.node)
        todo = {(member.sub, member.journey) for member in members if not member.ahead}
        standing: list[Journey] = []
        for _ in range(_TRIES):
            found = list(self.journeys.get(todo).values())
            moved = [enter(flow, j, target, timeout_port(j)) for j, target in _waiting(flow, found, wave)]
            written = self.journeys.replace(moved)
            todo = {(j.sub, j.id) for j, ok in zip(moved, written, strict=True) if not ok}
            standing += [j for j in found if j.wave != wave.parent]
            standing += [j for j, ok in zip(moved, written, strict=True) if ok]
            if not todo:
                break
        else:
            raise Conflict(f"{len(todo)} journeys of wave {wave.wave} keep changing")
        here = [j for j in standing if j.wave == wave.wave]
        strays = [j for j in standing if _is_stray(j, wave)]
        self.queues.send(place(self.tokens, here + strays))
        self.cohorts.join_strays(strays)
        return len(here)


def _waiting(flow: Flow, journeys: Iterable[Journey], wave: WaveInput) -> Iterator[tuple[Journey, str]]:
    """Return those that still stand in the wave before, each with the node to which its timeout leads."""
    for journey in journeys:
        if journey.state == "in" and journey.wave == wave.parent:
            target = timed_out(flow, journey)
            if target is not None:
                yield journey, target


def _is_stray(journey: Journey, wave: WaveInput) -> bool:
    """Tell whether the journey went another way after it was collected: its own wave must know it as a member."""
    return (
        journey.state == "in"
        and journey.wave != wave.wave
        and journey.path[wave.depth : wave.depth + 1] != (wave.node,)
    )
