"""Servers for these tests: one with all corrections, and one for each correction left out, kept for the session."""

import contextlib
import io
import json
import socket
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from cellwave_ops.emulator import lifecycle

ROLE = "arn:aws:iam::000000000000:role/test"
AN_HOUR_A_SECOND = 3600


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def zipped(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


@dataclass
class Stack:
    """A running emulator and short ways to put something into it."""

    running: lifecycle.Running
    scratch: Path
    _clients: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, service: str) -> Any:
        """A boto3 client by its service's name: `stack.sqs`, `stack.stepfunctions`."""
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._clients:
            self._clients[service] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.running.endpoint,
                region_name=lifecycle.REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, max_pool_connections=40),
            )
        return self._clients[service]

    def function(self, code: str, *, layers: tuple[str, ...] = (), seconds: int = 20) -> str:
        """Create a function whose handler is `app.handler`; returns its name."""
        name = unique("function")
        getattr(self, "lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler="app.handler",
            Role=ROLE,
            Timeout=seconds,
            Code={"ZipFile": zipped({"app.py": code})},
            Layers=list(layers),
            Environment={"Variables": {"SEEN": str(self.seen(name))}},
        )
        return name

    def seen(self, function: str) -> Path:
        """The file in which a function of these tests notes what it saw, a line of JSON each."""
        return self.scratch / f"{function}.jsonl"

    def notes(self, function: str) -> list[Any]:
        path = self.seen(function)
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def invoke(self, function: str, event: Any = None) -> tuple[Any, str | None]:
        """The payload, and the function error if there is one."""
        answer = getattr(self, "lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def queue(self, **attributes: str) -> tuple[str, str]:
        """Create a queue; returns its URL and ARN."""
        url = self.sqs.create_queue(QueueName=unique("queue"), Attributes=attributes)["QueueUrl"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, answer["Attributes"]["QueueArn"]

    def stream(self, shards: int = 1) -> tuple[str, str]:
        """Create a stream; returns its name and ARN."""
        name = unique("stream")
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        described = poll_until(lambda: self._active(name), "the stream to become active")
        return name, described["StreamARN"]

    def _active(self, name: str) -> Any:
        described = self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return described if described["StreamStatus"] == "ACTIVE" else None

    def machine(self, definition: dict[str, Any]) -> str:
        """Create a state machine; returns its ARN."""
        created = self.stepfunctions.create_state_machine(
            name=unique("machine"), definition=json.dumps(definition), roleArn=ROLE
        )
        return str(created["stateMachineArn"])

    def run(self, machine: str, value: Any = None, *, within: float = 10) -> dict[str, Any]:
        """Run an execution to its end and describe it."""
        started = self.stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps(value or {}))
        return self.ended(started["executionArn"], within=within)

    def ended(self, execution: str, *, within: float = 10) -> dict[str, Any]:
        def closed() -> Any:
            described = self.stepfunctions.describe_execution(executionArn=execution)
            return described if described["status"] != "RUNNING" else None

        return poll_until(closed, "the execution to end", within=within)

    def deploy(self, resources: dict[str, Any], name: str | None = None) -> dict[str, str]:
        """Create or update a CloudFormation stack; returns the physical ids by logical id."""
        act = self.cloudformation.update_stack if name else self.cloudformation.create_stack
        name = name or unique("stack")
        act(StackName=name, TemplateBody=json.dumps({"Resources": resources}))

        def complete() -> Any:
            status = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            assert "ROLLBACK" not in status, status
            return status.endswith("_COMPLETE")

        poll_until(complete, "the stack to be deployed", within=20)
        listed = self.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return {"StackName": name} | {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed}


def unique(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:10]}"


def poll_until(look: Callable[[], Any], what: str, *, within: float = 10) -> Any:
    """Look until there is something to see; an `AssertionError` if there never is."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {within} s for {what}")


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Start a server on a free port in a folder of its own; all end with the session."""
    root = tmp_path_factory.mktemp("emulator")
    with contextlib.ExitStack() as ends:

        def started(*without: str) -> Stack:
            instance = unique("instance")
            now = int(time.time() * 1000)
            ends.callback(lifecycle.down, instance, purge=True, state_root=root)
            running = lifecycle.up(
                instance, free_port(), f"{now},{now},{AN_HOUR_A_SECOND}", state_root=root, processes=3, without=without
            )
            return Stack(running, root)

        yield started


@pytest.fixture
def restart() -> Callable[[Stack], None]:
    """Stop a server in good order and start it again on what it saved."""

    def again(stack: Stack) -> None:
        old = stack.running
        assert lifecycle.down(old.instance, state_root=old.folder.parent)
        stack.running = lifecycle.up(old.instance, old.port, old.clock, state_root=old.folder.parent)

    return again


@pytest.fixture(scope="session")
def stack(start: Callable[..., Stack]) -> Stack:
    """The embedded stack with all its corrections."""
    return start()


@pytest.fixture(scope="session")
def stack_without(start: Callable[..., Stack]) -> Callable[[str], Stack]:
    """The embedded stack with one correction left out."""
    started: dict[str, Stack] = {}

    def without(correction: str) -> Stack:
        if correction not in started:
            started[correction] = start(correction)
        return started[correction]

    return without


@pytest.fixture
def poll() -> Callable[..., Any]:
    """Look until there is something to see: `poll(look, what, within=seconds)`."""
    return poll_until


@pytest.fixture
def name() -> str:
    """A name that nothing else has."""
    return unique("test")


@pytest.fixture
def zip_of() -> Callable[[dict[str, str]], bytes]:
    """Pack files, by name, into a zip archive."""
    return zipped
