"""What several suites need: the embedded stack, one for all of them."""

import fcntl
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cellwave_ops.emulator import lifecycle

INSTANCE = "tests"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[lifecycle.Running]:
    """The embedded stack on a free port, on wall time; parallel workers of one session share it, the last one ends it.

    Names in it are shared too: tests use names of their own.
    """
    base = tmp_path_factory.getbasetemp()
    root = (base if worker_id == "master" else base.parent) / "emulator"
    root.mkdir(exist_ok=True)
    user = root / f"{uuid.uuid4().hex}.user"
    with _alone(root):
        running = lifecycle.status(INSTANCE, state_root=root)
        running = running or lifecycle.up(INSTANCE, _free_port(), state_root=root)
        user.touch()
    yield running
    with _alone(root):
        user.unlink()
        if not list(root.glob("*.user")):
            lifecycle.down(INSTANCE, purge=True, state_root=root)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    with (root / "users.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
