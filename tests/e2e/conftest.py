"""One deployed stack for all end-to-end tests: an embedded stack of its own, an hour of stream time in ten seconds.

Tests share it and run in any order, so each sets its own scene: campaigns, lists, areas and numbers of its own.
"""

import itertools
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.deployed import Deployed, point
from tests.e2e.main_job import MainJob, play
from tests.e2e.scene import Scene

from cellwave_ops.cli.stack import written_clock
from cellwave_ops.deployment import deploy
from cellwave_ops.emulator import lifecycle
from cellwave_ops.stack import INSTANCE, STACK, Stack

SCALE = 360.0
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.emulator)


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployed]:
    # In the project's own folder, where the command looks for instances.
    instance = f"e2e-{uuid.uuid4().hex[:8]}"
    with pytest.MonkeyPatch.context() as environment:
        try:
            running = lifecycle.up(instance, _free_port(), written_clock(SCALE, "now"))
            point(environment, running.environment() | {INSTANCE: instance, STACK: ""})
            stack = deploy(running, "local")
            # Made now, for they take region and endpoint from the environment when they are made.
            for client in ("dynamodb", "kinesis", "kms", "s3", "sqs", "stepfunctions"):
                getattr(stack.wiring.clients, client)
            environment.undo()
            yield Deployed(running, stack)
        finally:
            lifecycle.down(instance, purge=True)


@pytest.fixture(autouse=True)
def place(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point this process at the stack for the time of a test, and no longer."""
    point(monkeypatch, deployed.environment)


@pytest.fixture
def stack(deployed: Deployed) -> Stack:
    return deployed.stack


_salts = itertools.count(1)


@pytest.fixture
def scene(stack: Stack, place: None) -> Scene:
    """A scene of its own for a test."""
    return Scene(stack, next(_salts))


@pytest.fixture(scope="session")
def main_job(deployed: Deployed) -> MainJob:
    """The main job, played once: a town's evening, three waves, a public that answers."""
    with pytest.MonkeyPatch.context() as environment:
        point(environment, deployed.environment)
        return play(deployed.stack, deployed.running.folder, deployed.environment)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
