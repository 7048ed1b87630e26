"""A clock that moves when it is told to."""


class ManualClock:
    """Stream time in ms and wall time in s, set by hand; `advance` moves both."""

    def __init__(self, stream: int = 1_763_800_000_000, wall: int = 1_763_800_000):
        self.stream = stream
        self.wall_seconds = wall

    def now(self) -> int:
        """Return stream time, ms since the epoch."""
        return self.stream

    def wall(self) -> int:
        """Return wall time, whole seconds since the epoch."""
        return self.wall_seconds

    def advance(self, ms: int) -> None:
        """Let `ms` pass, by both times."""
        self.stream += ms
        self.wall_seconds += ms // 1000
