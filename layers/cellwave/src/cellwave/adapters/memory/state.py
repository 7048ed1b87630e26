"""The matcher's state in memory."""

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

import msgspec

from cellwave.adapters import expiry
from cellwave.domain.errors import Conflict
from cellwave.domain.pages import DueMark, Lane, Page
from cellwave.ports.clock import Clock


class MemoryStateStore:
    """StateStore in memory. Nobody shares an object with the store: what goes in or out is copied."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._lock = threading.Lock()
        self._pages: dict[int, tuple[Page, bytes, int]] = {}
        self._lanes: dict[int, tuple[Lane, int]] = {}
        self._due: dict[int, dict[int, tuple[DueMark, int]]] = {}
        self._stamps = count(1)

    def load_pages(self, partitions: Collection[int]) -> dict[int, Page]:
        """Return the pages; new ones where nothing stands."""
        with self._lock:
            return {number: self._page(number) for number in partitions}

    def save_pages(self, pages: Sequence[Page]) -> None:
        """Write each page if its version is the stored one. Raises Conflict."""
        with self._lock:
            changed = [page for page in pages if page.version != self._page(page.partition).version]
            for page in pages:
                if page not in changed:
                    self._save_page(page)
        if changed:
            raise Conflict(f"changed by another writer: {', '.join(f'P#{page.partition:04d}' for page in changed)}")

    def load_lanes(self, lanes: Collection[int]) -> dict[int, Lane]:
        """Return the lanes; new ones where nothing stands."""
        with self._lock:
            return {number: self._lane(number) for number in lanes}

    def save_lanes(self, lanes: Sequence[Lane]) -> None:
        """Write each lane if its version is the stored one. Raises Conflict."""
        with self._lock:
            changed = [lane for lane in lanes if lane.version != self._lane(lane.lane).version]
            for lane in lanes:
                if lane not in changed:
                    lane.version += 1
                    self._lanes[lane.lane] = (_copy(lane), self._clock.wall() + expiry.LANES)
        if changed:
            raise Conflict(f"changed by another writer: {', '.join(f'L#{lane.lane:02d}' for lane in changed)}")

    def all_lanes(self) -> Iterable[Lane]:
        """Return every lane that was ever saved."""
        with self._lock:
            lanes = [self._lane(number) for number in sorted(self._lanes)]
        return [lane for lane in lanes if lane.version]

    def add_due(self, lane: int, marks: Mapping[int, Collection[int]]) -> None:
        """Add partitions to the marks of a lane."""
        expires_at = self._clock.wall() + expiry.STATE
        with self._lock:
            minutes = self._due.setdefault(lane, {})
            for minute, partitions in marks.items():
                before = minutes[minute][0].partitions if minute in minutes else frozenset()
                mark = DueMark(minute, before.union(partitions), next(self._stamps))
                minutes[minute] = (mark, expires_at)

    def due(self, lane: int, until: int) -> list[DueMark]:
        """Return the marks of a lane at minutes <= `until`, the earliest first."""
        now = self._clock.wall()
        with self._lock:
            marks = sorted(self._due.get(lane, {}).items())
        return [mark for minute, (mark, expires_at) in marks if minute <= until and expires_at > now]

    def clear_due(self, lane: int, marks: Collection[DueMark]) -> None:
        """Forget marks that nobody has added to."""
        with self._lock:
            minutes = self._due.get(lane, {})
            for mark in marks:
                if mark.minute in minutes and minutes[mark.minute][0].stamp == mark.stamp:
                    del minutes[mark.minute]

    def _page(self, number: int) -> Page:
        if number not in self._pages or self._pages[number][2] <= self._clock.wall():
            return Page(number)
        page, subscribers, _ = self._pages[number]
        return replace(page, positions=dict(page.positions), subscribers=msgspec.msgpack.decode(subscribers))

    def _save_page(self, page: Page) -> None:
        page.version += 1
        kept = replace(page, positions=dict(page.positions), subscribers={})
        subscribers = msgspec.msgpack.encode(page.subscribers)
        self._pages[page.partition] = (kept, subscribers, self._clock.wall() + expiry.STATE)

    def _lane(self, number: int) -> Lane:
        if number not in self._lanes or self._lanes[number][1] <= self._clock.wall():
            return Lane(number)
        return _copy(self._lanes[number][0])


def _copy(lane: Lane) -> Lane:
    maps = {name: dict(getattr(lane, name)) for name in ("positions", "numbers", "heard", "counts")}
    return replace(lane, **maps)  # type: ignore[arg-type]  # four maps of one shape
