"""Cohorts: journeys that wait together, as lists of members and executions of the wave machine.

Members of a cohort are objects, each `{node: [[sub, journey, ahead], …]}`. Whoever brings journeys into a flow's
first wave adds a chunk under `cohorts/<wave>/`; at the due time `gather` finds them all. Later waves are told
their members by the wave before.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from cellwave.domain.journey import Journey
from cellwave.ports.clock import Clock
from cellwave.ports.delivery import ObjectStore, WaveMachine

SHARD_MEMBERS: Final = 1_000
"""Members that one task dispatches or collects."""
INLINE_PARTS: Final = 100
"""Parts that an execution's input names itself; its 256 KiB must hold them for every next node."""


class Member(NamedTuple):
    """A member of a cohort. `ahead`: the journey is at the node already, its dispatch is done."""

    sub: str
    journey: str
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class WaveInput:
    """What an execution of the wave machine is about. `salt` tells executions of one wave apart (names are hints)."""

    wave: str
    flow: str
    node: str
    depth: int
    parent: str
    due: int
    enter: bool
    salt: str = ""
    members: Mapping[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """Return the execution's input."""
        due = datetime.fromtimestamp(self.due / 1000, UTC).isoformat(timespec="milliseconds")
        body: dict[str, Any] = {
            "wave": self.wave,
            "salt": self.salt,
            "flow": self.flow,
            "node": self.node,
            "depth": self.depth,
            "parent": self.parent,
            "due": due.replace("+00:00", "Z"),
            "due_ms": self.due,
            "enter": self.enter,
        }
        return body | ({"members": dict(self.members)} if self.members is not None else {})

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "WaveInput":
        """Return the input that `document` wrote."""
        names = ("wave", "salt", "flow", "node", "depth", "parent", "enter", "members")
        return cls(due=document["due_ms"], **{name: document[name] for name in names if name in document})

    @property
    def name(self) -> str:
        """The execution's name: at most 80 characters."""
        return f"{self.wave}-{self.salt}" if self.salt else self.wave


def write_members(members: Mapping[str, Iterable[Member]]) -> bytes:
    """Return the canonical bytes of a members object."""
    rows = {node: sorted([m.sub, m.journey, m.ahead] for m in set(group)) for node, group in members.items()}
    return json.dumps(rows, separators=(",", ":"), sort_keys=True).encode()


def read_members(objects: ObjectStore, parts: Iterable[str], node: str) -> list[Member]:
    """Return the members bound for a node, without repeats, from several members objects.

    One that is listed both ahead and not is taken as not ahead: its dispatch then looks for itself.
    """
    found: dict[tuple[str, str], Member] = {}
    for part in parts:
        for sub, journey, ahead in json.loads(objects.get(part)).get(node, ()):
            known = found.get((sub, journey))
            found[sub, journey] = Member(sub, journey, ahead and (known is None or known.ahead))
    return list(found.values())


def shards_of(parts: Sequence[tuple[str, int]]) -> list[dict[str, list[str]]]:
    """Group members objects (key, members in it) into shards of about 1,000 members."""
    shards: list[dict[str, list[str]]] = []
    keys: list[str] = []
    filled = 0
    for key, count in parts:
        if keys and filled + count > SHARD_MEMBERS:
            shards.append({"parts": keys})
            keys, filled = [], 0
        keys.append(key)
        filled += count
    if keys:
        shards.append({"parts": keys})
    return shards


def list_members(objects: ObjectStore, key: str, parts: Sequence[tuple[str, int]]) -> dict[str, Any] | None:
    """Return the `members` of an execution's input for these parts: inline for one shard, else by a manifest.

    The manifest is written under `key`, once: a retry finds the first version. None where there is no member.
    """
    shards = shards_of(parts)
    if len(shards) <= 1 and len(parts) <= INLINE_PARTS:
        return dict(shards[0]) if shards else None
    objects.put_new(key, json.dumps(shards, separators=(",", ":")).encode())
    return {"manifest": key}


class Cohorts:
    """Brings journeys into the cohort of the wave they are in, outside the ordinary way from wave to wave."""

    def __init__(self, objects: ObjectStore, machine: WaveMachine, clock: Clock):
        self._objects = objects
        self._machine = machine
        self._clock = clock
        self._started: set[str] = set()

    def join_first_wave(self, journeys: Sequence[Journey]) -> None:
        """Add journeys to the cohorts of their first waves and see to it that each has its execution.

        The chunk is written before the execution is started and before the due time is looked at: whoever is too
        late for the cohort's own execution gets one for the chunk alone.
        """
        for wave, group in _by_wave(journeys).items():
            first = group[0]
            chunk, salt = self._put_chunk(group)
            cohort = WaveInput(wave, first.flow, first.node, 0, "", first.due, enter=False)
            if self._clock.now() >= first.due:
                self._start(_with_part(cohort, salt, chunk))
            else:
                self._start(cohort)

    def join_strays(self, journeys: Sequence[Journey]) -> None:
        """Give journeys that left the ordinary way an execution of their own, so that none is stuck."""
        for wave, group in _by_wave(journeys).items():
            first = group[0]
            chunk, salt = self._put_chunk(group)
            cohort = WaveInput(wave, first.flow, first.node, len(first.steps), first.parent, first.due, enter=False)
            self._start(_with_part(cohort, salt, chunk))

    def _put_chunk(self, journeys: Sequence[Journey]) -> tuple[str, str]:
        first = journeys[0]
        body = write_members({first.node: [Member(j.sub, j.id) for j in journeys]})
        salt = hashlib.sha256(body).hexdigest()[:12]
        key = f"{chunk_prefix(first.wave)}{salt}-{len(journeys)}.json"
        self._objects.put_new(key, body)
        return key, salt

    def _start(self, cohort: WaveInput) -> None:
        if cohort.name not in self._started:
            self._machine.start(cohort.name, cohort.document())
            self._started.add(cohort.name)


def chunk_prefix(wave: str) -> str:
    """Return the prefix under which the chunks of a first wave lie."""
    return f"cohorts/{wave}/"


def chunk_size(key: str) -> int:
    """Return how many members a chunk holds; its key says it."""
    return int(key.rsplit("-", 1)[1].removesuffix(".json"))


def _with_part(cohort: WaveInput, salt: str, part: str) -> WaveInput:
    document = cohort.document() | {"salt": salt, "members": {"parts": [part]}}
    return WaveInput.read(document)


def _by_wave(journeys: Iterable[Journey]) -> dict[str, list[Journey]]:
    groups: dict[str, list[Journey]] = {}
    for journey in journeys:
        groups.setdefault(journey.wave, []).append(journey)
    return groups
