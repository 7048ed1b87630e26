"""Flows: the reusable, versioned plan of waves, a graph of nodes with typed ports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cellwave.domain.campaign import HOUR_MS

BUCKET_MS: Final = 15 * 60_000

ACTIVE_CHANNELS: Final = ("sms", "mms", "push", "email", "outbound_call")
PASSIVE_CHANNELS: Final = ("counter", "hotline", "web", "app", "self_service")

PORTS: Final = (
    "accepted",
    "refused",
    "considering",
    "no_response",
    "undeliverable",
    "suppressed",
    "no_capacity",
    "context_expired",
)


@dataclass(frozen=True, slots=True)
class Wave:
    """A stage of a flow: one active channel or several passive ones, with the window in which an answer counts."""

    node: str
    channels: tuple[str, ...]
    script: str
    window_hours: int
    attempts: int = 1
    next: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_active(self) -> bool:
        """Tell whether Cellwave makes the contact (an active channel) or waits to be asked (passive ones)."""
        return self.channels[0] in ACTIVE_CHANNELS

    @property
    def window_ms(self) -> int:
        """The window's length in ms."""
        return self.window_hours * HOUR_MS


@dataclass(frozen=True, slots=True)
class Flow:
    """One immutable version of a flow. `key` (`name@version`) names it wherever a journey refers to it."""

    name: str
    version: int
    start: str
    waves: Mapping[str, Wave]

    @property
    def key(self) -> str:
        """The version's name, such as `three-wave@2`."""
        return f"{self.name}@{self.version}"


def bucket_end(ts: int) -> int:
    """Return the end of the bucket of stream time (15 min) in which `ts` (ms) falls; a whole bucket is its own end."""
    return -(-ts // BUCKET_MS) * BUCKET_MS
