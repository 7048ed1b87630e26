"""Queues, objects, the wave machine and touch ids in memory."""

import json
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cellwave.adapters.executions import checked
from cellwave.domain.errors import NotFound
from cellwave.domain.flow import ACTIVE_CHANNELS
from cellwave.domain.identifiers import digest
from cellwave.domain.outcomes import TouchRef
from cellwave.ports.journeys import Placement


class MemoryChannelQueues:
    """ChannelQueues in memory: `queues` holds the touch ids of each channel as they came."""

    def __init__(self, channels: Collection[str] = ACTIVE_CHANNELS):
        self._lock = threading.Lock()
        self.queues: dict[str, list[str]] = {channel: [] for channel in channels}

    def send(self, placements: Sequence[Placement]) -> None:
        """Queue these touches. Raises ValueError, and sends nothing, for a channel that has no queue."""
        for placement in placements:
            if placement.channel not in self.queues:
                raise ValueError(f"the channel {placement.channel} has no queue")
        with self._lock:
            for placement in placements:
                self.queues[placement.channel].append(placement.touch)


class MemoryObjectStore:
    """ObjectStore in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, bytes] = {}

    def put_new(self, key: str, body: bytes) -> bool:
        """Create an object; False where the key exists."""
        with self._lock:
            if key in self._objects:
                return False
            self._objects[key] = body
            return True

    def get(self, key: str) -> bytes:
        """Return an object's content. Raises NotFound."""
        try:
            return self._objects[key]
        except KeyError:
            raise NotFound(f"no object {key}") from None

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, sorted."""
        with self._lock:
            return sorted(key for key in self._objects if key.startswith(prefix))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects."""
        with self._lock:
            for key in keys:
                self._objects.pop(key, None)


class MemoryWaveMachine:
    """WaveMachine in memory: it starts nothing, `executions` holds the input of each by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.executions: dict[str, dict[str, Any]] = {}

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        """Note an execution; False where the name is taken. Raises ValueError for what AWS would refuse."""
        text = checked(name, execution_input)
        with self._lock:
            if name in self.executions:
                return False
            self.executions[name] = json.loads(text)
            return True


class MemoryTouchTokens:
    """TouchTokens in memory: it remembers what it sealed, so it opens its own tokens only."""

    def __init__(self) -> None:
        self._sealed: dict[str, TouchRef] = {}

    def seal(self, ref: TouchRef) -> str:
        """Return the touch id."""
        token = digest("touch", ref.sub, ref.journey, ref.wave_tag, str(ref.attempt), size=24)
        self._sealed[token] = ref
        return token

    def open(self, token: str) -> TouchRef:
        """Return what a touch id stands for. Raises NotFound."""
        try:
            return self._sealed[token]
        except KeyError:
            raise NotFound("no such touch") from None
