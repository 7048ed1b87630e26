"""The matcher's state in memory."""

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

import msgspec

from cellwave.adapters import expiry
from cellwave.domain.errors import Conflict
from cellwave.domain.pages import Lane, Page
from cellwave.ports.clock import Clock

_T = TypeVar("_T", Page, Lane)
_Kept = tuple[bytes, int, int]
"""Encoded value, version, expires_at (wall seconds)."""


class MemoryStateStore:
    """StateStore in memory. Values are kept encoded, so that nobody shares an object with the store."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._lock = threading.Lock()
        self._pages: dict[int, _Kept] = {}
        self._lanes: dict[int, _Kept] = {}
        self._due: dict[int, dict[int, tuple[frozenset[int], int]]] = {}

    def load_pages(self, partitions: Collection[int]) -> dict[int, Page]:
        """Return the pages; new ones where nothing stands."""
        with self._lock:
            return {number: self._read(self._pages, number, Page) or Page(number) for number in partitions}

    def save_page(self, page: Page) -> None:
        """Write a page if its version is the stored one. Raises Conflict."""
        with self._lock:
            self._write(self._pages, page.partition, page, expiry.STATE)

    def load_lanes(self, lanes: Collection[int]) -> dict[int, Lane]:
        """Return the lanes; new ones where nothing stands."""
        with self._lock:
            return {number: self._read(self._lanes, number, Lane) or Lane(number) for number in lanes}

    def save_lane(self, lane: Lane) -> None:
        """Write a lane if its version is the stored one. Raises Conflict."""
        with self._lock:
            self._write(self._lanes, lane.lane, lane, expiry.LANES)

    def all_lanes(self) -> Iterable[Lane]:
        """Return every lane that was ever saved."""
        with self._lock:
            lanes = [self._read(self._lanes, number, Lane) for number in sorted(self._lanes)]
        return [lane for lane in lanes if lane is not None]

    def add_due(self, lane: int, marks: Mapping[int, Collection[int]]) -> None:
        """Add partitions to the marks of a lane."""
        with self._lock:
            minutes = self._due.setdefault(lane, {})
            for minute, partitions in marks.items():
                before, _ = minutes.get(minute, (frozenset(), 0))
                minutes[minute] = (before.union(partitions), self._clock.wall() + expiry.STATE)

    def due(self, lane: int, until: int) -> dict[int, frozenset[int]]:
        """Return the marks of a lane at minutes <= `until`."""
        now = self._clock.wall()
        with self._lock:
            return {
                minute: partitions
                for minute, (partitions, expires_at) in sorted(self._due.get(lane, {}).items())
                if minute <= until and expires_at > now
            }

    def clear_due(self, lane: int, minutes: Collection[int]) -> None:
        """Forget marks."""
        with self._lock:
            for minute in minutes:
                self._due.get(lane, {}).pop(minute, None)

    def _kept(self, table: dict[int, _Kept], number: int) -> _Kept | None:
        kept = table.get(number)
        return kept if kept is not None and kept[2] > self._clock.wall() else None

    def _read(self, table: dict[int, _Kept], number: int, kind: type[_T]) -> _T | None:
        kept = self._kept(table, number)
        return msgspec.msgpack.decode(kept[0], type=kind) if kept else None

    def _write(self, table: dict[int, _Kept], number: int, value: Page | Lane, keep: int) -> None:
        kept = self._kept(table, number)
        if value.version != (kept[1] if kept else 0):
            raise Conflict(
                f"{type(value).__name__.lower()} {number} has changed since version {value.version}"
            )
        value.version += 1
        table[number] = (msgspec.msgpack.encode(value), value.version, self._clock.wall() + keep)
