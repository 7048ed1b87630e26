"""Start ministack with the project's corrections.

Run as `PYTHONPATH=infra .tools/stack/bin/python -m cellwave_ops.emulator.server`, which `lifecycle` does.

Environment: `CELLWAVE_EMULATOR_WITHOUT` names corrections to leave out, comma-separated (tests show by it
that each is needed); `STREAM_CLOCK` is the clock of Wait states; `GATEWAY_PORT`, `BIND_HOST`, `STATE_DIR` and
the rest are ministack's own.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version

from cellwave_ops.emulator import corrections


class UnpinnedEmulatorError(RuntimeError):
    """The installed emulator is not the release that the corrections were written for."""

    def __init__(self, installed: str) -> None:
        super().__init__(
            f"ministack {installed} is installed, but the corrections hold for {corrections.PINNED_VERSION} only; "
            "run `make setup`, or revise infra/cellwave_ops/emulator/corrections and the pin together"
        )


def refuse_other_releases(installed: str) -> None:
    """Raise `UnpinnedEmulatorError` for any release but the pinned one."""
    if installed != corrections.PINNED_VERSION:
        raise UnpinnedEmulatorError(installed)


def main() -> None:
    """Check the release, apply the corrections, serve until SIGTERM."""
    refuse_other_releases(version("ministack"))
    os.environ.setdefault("BIND_HOST", "127.0.0.1")
    without = {name.strip() for name in os.environ.get("CELLWAVE_EMULATOR_WITHOUT", "").split(",")} - {""}
    applied = corrections.apply_all(without)
    for own in ("PYTHONPATH", "STREAM_CLOCK"):  # Lambda workers inherit the environment: theirs is the template's
        os.environ.pop(own, None)
    from ministack.app import main as serve

    logging.getLogger("cellwave.emulator").info("corrections: %s", ", ".join(applied))
    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
