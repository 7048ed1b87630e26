"""The wave machine's contract, executed by hand: what state_machines/wave.asl.json does, on memory adapters.

enter? dispatch -> wait until due -> gather where no members are named -> collect -> merge -> start the next by name.
A task that crashes is tried again; a name that is taken is success.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from cellwave.adapters.memory import ManualClock, MemoryWaveMachine
from cellwave.application.cohorts import WaveInput
from cellwave.application.run_waves import Dispatcher, collect, counted, gather, merge, shard_count
from cellwave.domain.ruleset import Ruleset
from cellwave.ports.delivery import ObjectStore, WaveMachine
from cellwave.ports.journeys import JourneyStore

T = TypeVar("T")


class Crash(Exception):
    """The process died here."""


def until_done(task: Callable[[], T], tries: int = 200, meanwhile: Callable[[], None] = lambda: None) -> T:
    """Run a task again and again until it does not crash, as Lambda, Kinesis and Step Functions do.

    `meanwhile` is what others do before the task is tried again.
    """
    for _ in range(tries):
        try:
            return task()
        except Crash:
            meanwhile()
    raise AssertionError(f"still crashing after {tries} tries")


@dataclass
class Interpreter:
    """Runs every execution that `noted` knows as far as the clock lets it; what it starts goes through `machine`."""

    noted: MemoryWaveMachine
    machine: WaveMachine
    objects: ObjectStore
    journeys: JourneyStore
    dispatcher: Callable[[], Dispatcher]
    ruleset: Callable[[], Ruleset]
    clock: ManualClock
    waiting: dict[str, int] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)

    def settle(self) -> None:
        """Let every execution run until all of them wait or have ended."""
        while todo := [name for name in self.noted.executions if self._can_move(name)]:
            for name in todo:
                self._move(name, self.noted.executions[name])

    def next_due(self) -> int | None:
        """Return the earliest moment for which an execution waits."""
        return min(self.waiting.values(), default=None)

    def _can_move(self, name: str) -> bool:
        if name in self.finished:
            return False
        return name not in self.waiting or self.waiting[name] <= self.clock.now()

    def _move(self, name: str, document: dict[str, Any]) -> None:
        if name not in self.waiting:
            if document["enter"]:
                self._dispatch(document)
            self.waiting[name] = document["due_ms"]
            return
        members = document.get("members") or until_done(lambda: gather(self.objects, WaveInput.read(document)))
        if members:
            for following in self._collect(document, members):
                until_done(partial(self.machine.start, following["name"], following["input"]))
        del self.waiting[name]
        self.finished.add(name)

    def _dispatch(self, document: dict[str, Any]) -> None:
        for item in self._items(document["members"]):
            self._dispatch_shard(WaveInput.read(document), item["parts"])

    def _dispatch_shard(self, wave: WaveInput, parts: Sequence[str]) -> None:
        until_done(lambda: self.dispatcher().dispatch(self.ruleset(), wave, parts))

    def _collect(self, document: dict[str, Any], members: dict[str, Any]) -> list[dict[str, Any]]:
        wave = WaveInput.read(document)
        flow = self.ruleset().flows[wave.flow]
        for index, item in enumerate(self._items(members)):
            until_done(partial(collect, self.objects, self.journeys, flow, wave, item["parts"], index))
        shards = shard_count(self.objects, members)
        counts = [counted(self.objects, wave, index) for index in range(shards)]
        return until_done(lambda: merge(self.objects, flow, wave, counts))

    def _items(self, members: dict[str, Any]) -> Sequence[dict[str, Any]]:
        if "manifest" in members:
            found: list[dict[str, Any]] = json.loads(self.objects.get(members["manifest"]))
            return found
        return [members]
