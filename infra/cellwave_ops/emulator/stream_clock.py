"""Stream time for the emulator's Wait states.

A stream clock is written `wall`, or `<anchor_wall_ms>,<start_stream_ms>,<scale>`: stream now = start + (wall
- anchor) x scale, in milliseconds since the epoch. The product's functions read the same string from
`STREAM_CLOCK`; this is a second, tiny reader because the emulator's environment has none of the product's
packages.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


class InvalidStreamClockError(ValueError):
    """The string is not a stream clock; the message says what was expected."""

    def __init__(self, written: str) -> None:
        super().__init__(
            f"not a stream clock: {written!r}; expected 'wall' or "
            "'<anchor_wall_ms>,<start_stream_ms>,<scale>' with a scale above 0"
        )


def wall_ms() -> float:
    """Milliseconds of wall time since the epoch."""
    return time.time() * 1000


@dataclass(frozen=True)
class StreamClock:
    """Maps wall time to stream time, both in milliseconds since the epoch."""

    anchor_wall_ms: float = 0.0
    start_stream_ms: float = 0.0
    scale: float = 1.0

    @classmethod
    def parse(cls, written: str) -> StreamClock:
        """Read a written clock; raises `InvalidStreamClockError`."""
        if written.strip() == "wall":
            return cls()
        try:
            anchor, start, scale = (float(part) for part in written.split(","))
        except ValueError as error:
            raise InvalidStreamClockError(written) from error
        if not (math.isfinite(anchor) and math.isfinite(start) and math.isfinite(scale) and scale > 0):
            raise InvalidStreamClockError(written)
        return cls(anchor, start, scale)

    def now_ms(self, wall: Callable[[], float] = wall_ms) -> float:
        """Stream time now."""
        return self.start_stream_ms + (wall() - self.anchor_wall_ms) * self.scale

    def wall_seconds_until(self, stream_ms: float, wall: Callable[[], float] = wall_ms) -> float:
        """Seconds of wall time until that stream time; negative if it has passed."""
        return (stream_ms - self.now_ms(wall)) / self.scale / 1000

    def wall_seconds(self, stream_seconds: float) -> float:
        """How long so many seconds of stream time take on the wall."""
        return stream_seconds / self.scale
