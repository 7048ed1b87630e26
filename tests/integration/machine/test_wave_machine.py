"""The definition of the wave machine, run on the embedded stack with stand-ins for the functions that it calls."""

import io
import json
import time
import uuid
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from cellwave_ops.emulator import lifecycle

pytestmark = pytest.mark.emulator

Json = dict[str, Any]
DEFINITION = Path(__file__).parents[3] / "state_machines/wave.asl.json"
ROLE = "arn:aws:iam::000000000000:role/test"
PLACEHOLDERS = ("DispatchWave", "GatherCohort", "CollectWave", "MergeCohorts")

# What a stand-in answers is in the input's `salt`: free for the test, as the machine only passes it on.
STAND_IN = """
import json, os
from pathlib import Path

def handler(event, context):
    seen = Path(os.environ["SEEN"])
    tries = seen.read_text().count(event["in"]["wave"]) if seen.exists() else 0
    with seen.open("a") as file:
        file.write(json.dumps(event) + "\\n")
    plan = json.loads(event["in"]["salt"])
    if tries < plan.get("failures", {}).get(os.environ["PART"], 0):
        raise RuntimeError("as the test wants it")
    return {"members": plan.get("gathered"), "next": plan.get("next", [])}
"""


class Machine:
    """The machine with its stand-ins, and what they saw."""

    def __init__(self, emulator: lifecycle.Running, scratch: Path):
        self._emulator, self._scratch = emulator, scratch
        self.name = f"wave-{uuid.uuid4().hex[:8]}"
        self.s3, self.states, functions = self._client("s3"), self._client("stepfunctions"), self._client("lambda")
        self.s3.create_bucket(Bucket=self.name)
        definition = DEFINITION.read_text().replace("${DataBucket}", self.name)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", STAND_IN)
        for part in PLACEHOLDERS:
            arn = functions.create_function(
                FunctionName=f"{self.name}-{part}",
                Runtime="python3.11",
                Handler="app.handler",
                Role=ROLE,
                Code={"ZipFile": packed.getvalue()},
                Environment={"Variables": {"PART": part, "SEEN": str(self._seen(part))}},
            )["FunctionArn"]
            definition = definition.replace(f"${{{part}}}", arn)
        machine = self.states.create_state_machine(name=self.name, definition=definition, roleArn=ROLE)
        self.arn = machine["stateMachineArn"]

    def _client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self._emulator.endpoint,
            region_name=lifecycle.REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _seen(self, part: str) -> Path:
        return self._scratch / f"{part}.jsonl"

    def calls(self, part: str, wave: str) -> list[Json]:
        """What a stand-in was asked in a wave."""
        lines = self._seen(part).read_text().splitlines() if self._seen(part).exists() else []
        return [call for call in map(json.loads, lines) if call["in"]["wave"] == wave]

    def run(self, given: Json) -> str:
        """Run an execution to its end and return the status, with the error where it failed."""
        arn = self.states.start_execution(stateMachineArn=self.arn, name=given["wave"], input=json.dumps(given))
        return self.end(arn["executionArn"])

    def end(self, execution: str) -> str:
        """Wait for an execution's end."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.states.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return " ".join(filter(None, (found["status"], found.get("error"))))
            time.sleep(0.05)
        return "still running"

    def manifest(self, shards: int) -> Json:
        """Put a manifest of one-object shards; return the `members` that name it."""
        key = f"waves/{uuid.uuid4().hex}/members.json"
        body = json.dumps([{"parts": [f"waves/{n}"]} for n in range(shards)])
        self.s3.put_object(Bucket=self.name, Key=key, Body=body.encode())
        return {"manifest": key}


@pytest.fixture(scope="module")
def machine(emulator: lifecycle.Running, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(emulator, tmp_path_factory.mktemp("machine"))


def _input(*, enter: bool, members: Json | None = None, seconds: int = 0, **plan: Any) -> Json:
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
    given: Json = {
        "wave": f"text-{uuid.uuid4().hex}",
        "salt": json.dumps(plan),
        "flow": "three-wave@1",
        "node": "text",
        "depth": 0,
        "parent": "",
        "due": due.isoformat().replace("+00:00", "Z"),
        "due_ms": int(due.timestamp() * 1000),
        "enter": enter,
    }
    return given | ({"members": members} if members else {})


PARTS = {"parts": ["cohorts/a", "cohorts/b"]}


def test_a_first_wave_gathers_its_members_when_it_is_due_and_is_not_dispatched(machine: Machine) -> None:
    given = _input(enter=False, gathered=PARTS, seconds=2)

    assert machine.run(given) == "SUCCEEDED"

    assert time.time() * 1000 >= given["due_ms"]
    wave = given["wave"]
    assert machine.calls("DispatchWave", wave) == []
    assert machine.calls("GatherCohort", wave) == [{"in": given}]
    assert machine.calls("CollectWave", wave) == [{"in": given, "item": PARTS, "index": 0, "single": True}]


def test_a_first_wave_that_nobody_is_in_ends(machine: Machine) -> None:
    given = _input(enter=False, gathered=None)

    assert machine.run(given) == "SUCCEEDED"
    assert machine.calls("CollectWave", given["wave"]) == []


def test_a_small_wave_is_dispatched_and_collected_by_one_call_each(machine: Machine) -> None:
    given = _input(enter=True, members=PARTS)

    assert machine.run(given) == "SUCCEEDED"

    whole = [{"in": given, "item": PARTS, "index": 0, "single": True}]
    assert machine.calls("DispatchWave", given["wave"]) == whole
    assert machine.calls("CollectWave", given["wave"]) == whole
    assert machine.calls("GatherCohort", given["wave"]) == []


@pytest.mark.parametrize("known", [True, False], ids=["from the input", "gathered"])
def test_a_large_wave_goes_shard_by_shard_through_its_manifest(machine: Machine, known: bool) -> None:
    members = machine.manifest(5)
    given = _input(enter=known, members=members) if known else _input(enter=False, gathered=members)

    assert machine.run(given) == "SUCCEEDED"

    shards = [{"in": given, "item": {"parts": [f"waves/{n}"]}, "index": n, "single": False} for n in range(5)]
    by_index = sorted(machine.calls("CollectWave", given["wave"]), key=lambda call: int(call["index"]))
    assert by_index == shards
    dispatched = sorted(machine.calls("DispatchWave", given["wave"]), key=lambda call: int(call["index"]))
    assert dispatched == (shards if known else [])
    assert machine.calls("MergeCohorts", given["wave"]) == [{"in": given, "item": members, "index": 0, "single": False}]


@pytest.mark.parametrize("large", [True, False], ids=["large", "small"])
def test_each_next_wave_is_started_once_and_a_name_that_is_taken_is_success(machine: Machine, large: bool) -> None:
    nexts = [_input(enter=True, members=PARTS) for _ in range(2)]
    changed = {**nexts[0], "due_ms": 0}
    assert machine.run(nexts[0]) == "SUCCEEDED"
    following = [{"name": n["wave"], "input": n} for n in (changed, nexts[1])]
    given = _input(enter=True, members=machine.manifest(2) if large else PARTS, next=following)

    assert machine.run(given) == "SUCCEEDED"

    assert machine.end(f"{machine.arn.replace(':stateMachine:', ':execution:')}:{nexts[1]['wave']}") == "SUCCEEDED"
    assert [call["in"] for call in machine.calls("CollectWave", nexts[0]["wave"])] == [nexts[0]]
    assert [call["in"] for call in machine.calls("CollectWave", nexts[1]["wave"])] == [nexts[1]]


def test_a_call_that_fails_is_made_again(machine: Machine) -> None:
    given = _input(enter=True, members=PARTS, failures={"DispatchWave": 1, "CollectWave": 1})

    assert machine.run(given) == "SUCCEEDED"

    assert len(machine.calls("DispatchWave", given["wave"])) == 2
    assert len(machine.calls("CollectWave", given["wave"])) == 2


def test_a_wave_to_be_entered_by_nobody_fails_with_a_name(machine: Machine) -> None:
    assert machine.run(_input(enter=True)) == "FAILED Cellwave.MembersMissing"
