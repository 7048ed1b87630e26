"""Every handler, run in this process against the deployed stack, and the calls of AWS that it made."""

import base64
import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from tests.e2e.scene import HOUR_MS, MINUTE_MS, Scene, wave

from cellwave.application.cohorts import Member, WaveInput, chunk_prefix, write_members
from cellwave.application.run_waves import part_key
from cellwave.contracts.stream import encode_record
from cellwave.domain.campaign import AreaDwelled
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.journey import Journey, next_wave
from cellwave.domain.signalling import Event
from cellwave_ops.emulator.lifecycle import PROJECT
from cellwave_ops.stack import Stack

_CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn:f", aws_request_id="one", log_stream_name="l"
)


@dataclass(frozen=True)
class Call:
    """One call of AWS by a function."""

    function: str
    service: str
    operation: str
    params: Mapping[str, Any]


@dataclass
class Rehearsal:
    """Plays the stack's part: gives every handler what it gets in life, and notes what it calls."""

    stack: Stack
    scene: Scene
    patch: pytest.MonkeyPatch
    calls: list[Call] = field(default_factory=list)
    _position: int = 0

    def run(self) -> list[Call]:
        """Run all handlers through their ordinary ways and their odd ones."""
        people = self.scene.people(4)
        follow = {"no_response": "then", "context_expired": "then", "considering": "then", "undeliverable": "other"}
        self.scene.campaign(
            [wave("first", "push", hours=12, next=follow), wave("then", "push", hours=12), wave("other", "push")],
            reentry=1,
        )
        dwell = AreaDwelled(self.scene.name, 20)
        self.scene.campaign([wave("counter", "counter", hours=12)], name="dwell", trigger=dwell)
        self._match(people)
        one, two, three = (self.scene.journey(who, self.scene.name) for who in people[:3])
        self._api(one, two, people[0])
        self._waves(three)
        self._answer_late(one)
        self._function("emit_ticks", {})
        return self.calls

    def _match(self, people: list[str]) -> None:
        start = self.scene.now()
        lanes = {lane_of(partition_of(self.scene.sub(who))) for who in people}
        came = [self._record([self.scene.seen(who, start)], start) for who in people]
        bad = self._record([Event(self.scene.sub(people[0]), start, "teleported")], start)
        self._batch(*came, bad)
        later = start + 21 * MINUTE_MS
        self._batch(*(encode_record("", 0, lane, later, True) for lane in lanes))
        self._batch(*(encode_record("", 0, lane, later + MINUTE_MS, True) for lane in lanes))
        again = start + 2 * HOUR_MS  # out and in again: the mark of the last time is written over
        left = self.scene.seen(people[3], again, self.scene.elsewhere)
        self._batch(self._record([left, self.scene.seen(people[3], again + 1)], again))

    def _record(self, events: list[Event], clock: int) -> bytes:
        return encode_record("", 0, lane_of(partition_of(events[0].sub)), clock, events=events)

    def _batch(self, *data: bytes) -> None:
        records = []
        for one in data:
            self._position += 1
            kinesis = {"sequenceNumber": str(self._position), "data": base64.b64encode(one).decode()}
            records.append({"eventID": f"shardId-rehearsal:{self._position}", "kinesis": kinesis})
        assert self._function("match_signalling", {"Records": records}) == {"batchItemFailures": []}

    def _api(self, one: Journey, two: Journey, who: str) -> None:
        assert self._post("claim_touch", {"touch": self.scene.touch(one)})["status"] == "claimed"
        assert self._post("query_offers", {"msisdn": who, "channel": "counter"})["items"]
        for outcome in ("sent", "sent", "considering"):
            self._post("record_outcome", {"touch": self.scene.touch(one), "outcome": outcome})
        self._post("record_outcome", {"touch": self.scene.touch(two), "outcome": "accepted"})

    def _answer_late(self, one: Journey) -> None:
        """Answer again when the window is over and its cohort gone ahead: the journey needs an execution of its own."""
        anchor, start, scale = self.stack.stream_clock.split(",")
        later = f"{anchor},{int(start) + 13 * HOUR_MS},{scale}"
        self._post("record_outcome", {"touch": self.scene.touch(one), "outcome": "considering"}, STREAM_CLOCK=later)

    def _waves(self, journey: Journey) -> None:
        first = WaveInput(journey.wave, journey.flow, "first", 0, "", journey.due, enter=False, salt="rehearsal")
        members = self._function("gather_cohort", {"in": first.document()})["members"]
        event = {"in": first.document(), "item": members, "index": 0, "single": True}
        [following] = [f for f in self._function("collect_wave", event)["next"] if f["input"]["node"] == "then"]
        # Between the two steps it goes another way, and becomes a stray.
        self._post("record_outcome", {"touch": self.scene.touch(journey), "outcome": "undeliverable"})
        then = following["input"]
        self._function("dispatch_wave", {"in": then, "item": then["members"], "index": 0, "single": True})
        self._large(first)

    def _large(self, like: WaveInput) -> None:
        """A cohort of two shards: by their names, for their members are one journey that does not exist."""
        large = replace(like, wave=f"{like.wave}-large")
        body = write_members({"first": [Member("k1-" + "A" * 22, "A" * 16)]})
        for number in range(2):
            self.stack.wiring.objects.put_new(f"{chunk_prefix(large.wave)}{number}-900.json", body)
        members = self._function("gather_cohort", {"in": large.document()})["members"]
        for index, shard in enumerate(json.loads(self.stack.wiring.objects.get(members["manifest"]))):
            event = {"in": large.document(), "item": shard, "index": index, "single": False}
            self._function("collect_wave", event)
        self._function("merge_cohorts", {"in": large.document(), "item": members})
        flow = self.stack.wiring.registry.current().flows[large.flow]
        name, due = next_wave(flow, large.wave, large.due, "then")
        # As if the two had collected 900 each: their next wave has a manifest too.
        huge = replace(large, wave=name, node="then", depth=1, parent=large.wave, due=due, salt="huge")
        for index in range(2):
            rows = {"other": [Member("k1-" + "A" * 22, f"{index}{n:015d}") for n in range(600)]}
            self.stack.wiring.objects.put_new(part_key(huge, index), write_members(rows))
        manifest = f"waves/{huge.name}/members.json"
        self.stack.wiring.objects.put_new(manifest, json.dumps([{"parts": []}, {"parts": []}]).encode())
        self._function("merge_cohorts", {"in": huge.document(), "item": {"manifest": manifest}})

    def _post(self, function: str, body: Mapping[str, Any], **environment: str) -> dict[str, Any]:
        answer = self._function(function, {"version": "2.0", "body": json.dumps(body)}, **environment)
        assert answer["statusCode"] == 200, answer
        return dict(json.loads(answer["body"]))

    def _function(self, folder: str, event: Mapping[str, Any], **environment: str) -> Any:
        """Run a handler in a cold start of its own, under the environment that its function has."""
        name = json.loads(self.stack.outputs["FunctionNames"])[folder]
        configured = boto3.client("lambda").get_function_configuration(FunctionName=name)
        for variable, value in {**configured["Environment"]["Variables"], **environment}.items():
            self.patch.setenv(variable, value)
        handler = self._loaded(folder)
        if folder == "emit_ticks":
            self.patch.setattr(handler, "EVERY_SECONDS", 0.0)

        def note(params: Mapping[str, Any], model: Any, **_: Any) -> None:
            self.calls.append(Call(folder, str(model.service_model.service_name), model.name, dict(params)))

        handler._wiring().clients._session.register("before-parameter-build", note)
        return handler.handler(event, _CONTEXT)

    def _loaded(self, folder: str) -> ModuleType:
        path = PROJECT / "functions" / folder
        self.patch.setitem(sys.modules, "settings", _module("settings", path / "settings.py"))
        return _module(f"rehearsed_{folder}", path / "handler.py")


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
