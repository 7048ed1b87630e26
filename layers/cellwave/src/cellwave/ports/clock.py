"""Time, as an argument."""

from typing import Protocol


class Clock(Protocol):
    """Tells stream time, and the wall time that expiry attributes need."""

    def now(self) -> int:
        """Return stream time, ms since the epoch."""
        ...

    def wall(self) -> int:
        """Return wall time, whole seconds since the epoch; for `expires_at` only."""
        ...
