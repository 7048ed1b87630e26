"""Counts that the threads of a channel system share."""

import threading
from collections import Counter


class Counts(Counter[str]):
    """A counter to which several threads may add: `+=` on a plain one loses counts now and then."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def add(self, name: str) -> None:
        """Count one more."""
        with self._lock:
            self[name] += 1
