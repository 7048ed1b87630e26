"""The demo's channel systems: started, watched, stopped in good order, their counts read."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cellwave_ops.demo import crew as crew_module
from cellwave_ops.demo.crew import Crew

POLITE = """#!{python}
import json, os, sys, time
print("ready", file=sys.stderr, flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print(json.dumps({{"arguments": len(sys.argv) - 1, "place": int(os.environ["PLACE"])}}))
"""
DEAF = """#!{python}
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("{{half", flush=True)
print("ready", file=sys.stderr, flush=True)
time.sleep(60)
"""
DYING = """#!{python}
import sys
sys.exit("ready to die: no stack here")
"""


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(tmp_path / "channels", {"PLACE": "7"})
    yield crew
    crew.stop()


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a script in the place of Python with the command."""

    def become(script: str) -> None:
        file = tmp_path / "member"
        file.write_text(script.format(python=sys.executable))
        file.chmod(0o755)
        monkeypatch.setattr(crew_module.sys, "executable", str(file))  # type: ignore[attr-defined]

    return become


def until_logged(folder: Path, name: str) -> None:
    deadline = time.monotonic() + 20
    while "ready" not in (folder / "channels" / f"{name}.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_is_stopped_hands_in_counts(crew: Crew, member: Callable[[str], None], tmp_path: Path) -> None:
    member(POLITE)
    crew.start("sms", ["poll", "sms"])
    until_logged(tmp_path, "sms")
    assert crew.dead() == {}
    assert crew.stop() == {"sms": {"arguments": 5, "place": 7}}
    assert crew.stop() == {}


def test_who_does_not_stop_is_killed_and_counts_nothing(
    crew: Crew, member: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew_module, "_PATIENCE_S", 0.2)
    member(DEAF)
    crew.start("sms", [])
    until_logged(tmp_path, "sms")
    assert crew.stop() == {"sms": {}}


def test_who_died_is_named_with_the_end_of_the_log(crew: Crew, member: Callable[[str], None], tmp_path: Path) -> None:
    member(DYING)
    crew.start("sms", [])
    deadline = time.monotonic() + 20
    while not crew.dead():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "no stack here" in crew.dead()["sms"]
    assert crew.stop() == {"sms": {}}
