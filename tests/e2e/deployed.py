"""The stack that the end-to-end tests share, and how to point a process at it."""

from dataclasses import dataclass

import pytest

from cellwave_ops.emulator import lifecycle
from cellwave_ops.stack import INSTANCE, STACK, Stack


@dataclass(frozen=True)
class Deployed:
    """The stack, and the embedded one that it is deployed into."""

    running: lifecycle.Running
    stack: Stack

    @property
    def environment(self) -> dict[str, str]:
        """What makes any process of ours speak to it."""
        return {**self.running.environment(), INSTANCE: self.running.instance, STACK: self.stack.name}


def point(patch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Point this process at a stack."""
    patch.delenv("AWS_PROFILE", raising=False)
    for name, value in environment.items():
        patch.setenv(name, value)
