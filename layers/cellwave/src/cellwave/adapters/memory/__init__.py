"""The ports, kept in memory: for tests and simulation. They pass the suites of the real adapters."""

from cellwave.adapters.memory.clock import ManualClock
from cellwave.adapters.memory.delivery import (
    MemoryChannelQueues,
    MemoryObjectStore,
    MemoryTouchTokens,
    MemoryWaveMachine,
)
from cellwave.adapters.memory.journeys import MemoryJourneyStore, MemoryLedger
from cellwave.adapters.memory.keys import MemoryDataKeys, MemorySystemKeys
from cellwave.adapters.memory.people import MemoryRegistry, MemoryTargetLists, MemoryVault
from cellwave.adapters.memory.state import MemoryStateStore

__all__ = [
    "ManualClock",
    "MemoryChannelQueues",
    "MemoryDataKeys",
    "MemoryJourneyStore",
    "MemoryLedger",
    "MemoryObjectStore",
    "MemoryRegistry",
    "MemoryStateStore",
    "MemorySystemKeys",
    "MemoryTargetLists",
    "MemoryTouchTokens",
    "MemoryVault",
    "MemoryWaveMachine",
]
