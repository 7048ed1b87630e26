"""The demo's channel systems: processes of their own, as in life."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 30


class Crew:
    """Starts `cellwave poll …` and `cellwave front …`, and reads what they counted when they stop."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None):
        self._folder = folder
        self._environment = {**os.environ, **(environment or {})}
        self._members: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start one system; its counts go to `<name>.json`, the rest to `<name>.log`."""
        command = [sys.executable, "-m", "cellwave_ops.cli", *arguments, "--json"]
        with (self._folder / f"{name}.json").open("wb") as out, (self._folder / f"{name}.log").open("wb") as log:
            # In a session of its own: a Ctrl-C in the terminal stops the demo, and the demo stops its crew, once.
            self._members[name] = subprocess.Popen(
                command, stdout=out, stderr=log, env=self._environment, start_new_session=True
            )

    def dead(self) -> dict[str, str]:
        """Return those that stopped by themselves, with the end of their logs: there should be none."""
        return {
            name: (self._folder / f"{name}.log").read_text(errors="replace")[-500:]
            for name, member in self._members.items()
            if member.poll() is not None
        }

    def stop(self) -> dict[str, dict[str, int]]:
        """Stop all of them in good order and return their counts, none of one that had to be killed."""
        for member in self._members.values():
            member.send_signal(signal.SIGINT)
        counts = {}
        for name, member in self._members.items():
            try:
                member.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()
            counts[name] = _counts(self._folder / f"{name}.json")
        self._members.clear()
        return counts


def _counts(file: Path) -> dict[str, int]:
    try:
        return dict(json.loads(file.read_text()))
    except ValueError:  # nothing, or half of it
        return {}
