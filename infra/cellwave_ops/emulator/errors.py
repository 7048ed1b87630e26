"""What can go wrong with the embedded stack; each message ends in a mend.

EmulatorError
    StackNotInstalledError      the emulator's environment is missing
    PortInUseError              something else listens on the port
    AlreadyRunningError         the instance runs with another port or clock
    StartFailedError            the server died or never answered while starting
"""

from __future__ import annotations

from pathlib import Path


class EmulatorError(Exception):
    """The embedded stack cannot do what was asked."""


class StackNotInstalledError(EmulatorError):
    """The emulator's environment is missing."""

    def __init__(self, python: Path) -> None:
        super().__init__(f"the embedded stack is not installed: no {python}; run `make setup`")


class PortInUseError(EmulatorError):
    """Something else listens on the port."""

    def __init__(self, port: int, owner: str | None) -> None:
        self.port = port
        self.owner = owner
        super().__init__(
            f"port {port} is in use by {owner or 'another process'}; stop it, or choose another port with `--port`"
        )


class AlreadyRunningError(EmulatorError):
    """The instance runs already, but not as asked."""

    def __init__(self, instance: str, differs: str, running: str, asked: str) -> None:
        super().__init__(
            f"the stack {instance!r} already runs with {differs} {running}, not {asked}; run `cellwave down` first"
        )


class StartFailedError(EmulatorError):
    """The server died or never answered while starting; carries the end of its log."""

    def __init__(self, what: str, log: Path, tail: str) -> None:
        self.tail = tail
        super().__init__(f"the embedded stack {what}; the end of {log}:\n{tail}")
