"""Stream time from a written stream clock."""

import math
import time
from collections.abc import Callable


class StreamClock:
    """The clock of `wall`, or of `<anchor_wall_ms>,<start_stream_ms>,<scale>`.

    Stream time is start + (wall - anchor) x scale, all in ms since the epoch. Raises ValueError for any other text.
    """

    def __init__(self, written: str = "wall", wall: Callable[[], float] = time.time):
        self._wall = wall
        self._anchor, self._start, self._scale = (0.0, 0.0, 1.0) if written == "wall" else _parts(written)

    def now(self) -> int:
        """Return stream time, ms since the epoch."""
        return int(self._start + (self._wall() * 1000 - self._anchor) * self._scale)

    def wall(self) -> int:
        """Return wall time, whole seconds since the epoch; for `expires_at` only."""
        return int(self._wall())


def _parts(written: str) -> tuple[float, float, float]:
    try:
        anchor, start, scale = map(float, written.split(","))
    except ValueError:
        anchor = start = scale = math.nan
    if not (math.isfinite(anchor + start + scale) and scale > 0):
        raise ValueError(
            f"not a stream clock: {written!r}; write wall, or <anchor_wall_ms>,<start_stream_ms>,<scale> "
            "with a scale above 0"
        )
    return anchor, start, scale
