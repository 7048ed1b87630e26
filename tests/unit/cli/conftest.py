"""A command line without settings of its own, in an empty folder; where a stack runs, a test says."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cellwave_ops.emulator import lifecycle

Runs = Callable[..., lifecycle.Running]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("AWS_", "CELLWAVE_")):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/nonexistent"
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    monkeypatch.setattr(lifecycle, "STATE_ROOT", tmp_path / ".cellwave")
    monkeypatch.setattr(lifecycle, "status", lambda instance="local": None)
    monkeypatch.chdir(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runs:
    """Let an embedded stack run, as far as anybody can see."""
    standing: dict[str, lifecycle.Running] = {}
    monkeypatch.setattr(lifecycle, "status", lambda instance="local": standing.get(instance))

    def run(instance: str = "local", port: int = 4566, clock: str = "wall") -> lifecycle.Running:
        folder = tmp_path / ".cellwave" / instance
        folder.mkdir(parents=True, exist_ok=True)
        for lock in ("server.lock", "up.lock"):
            (folder / lock).touch()
        standing[instance] = lifecycle.Running(instance, folder, port, clock, 123, was_running=True)
        return standing[instance]

    return run
