"""Old files on today's clock: event times moved, distances or times of day kept."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import Final

from cellwave_ops.sources.events import SourceEvent

HOUR_MS: Final = 3_600_000


def shift(events: Iterable[SourceEvent], start_ms: int) -> Iterator[SourceEvent]:
    """Move all events alike, so that the first one handed in is at `start_ms`; distances are kept."""
    waiting = iter(events)
    first = next(waiting, None)
    if first is None:
        return
    move = start_ms - first.ts
    for event in chain((first,), waiting):
        yield replace(event, ts=event.ts + move)


def fold(events: Iterable[SourceEvent], start_ms: int, fold_hours: int = 24) -> Iterator[SourceEvent]:
    """Move each subscriber's run by whole periods, so that it begins within the first period from `start_ms`.

    With 24 hours every run keeps its time of day and many days become one. Runs that become simultaneous are of
    different subscribers, which harms nothing. Holds all events in memory; yields them in the order of time.
    """
    period = fold_hours * HOUR_MS
    moves: dict[str, int] = {}
    moved: list[SourceEvent] = []
    for event in events:
        if event.who not in moves:
            moves[event.who] = start_ms + (event.ts - start_ms) % period - event.ts
        moved.append(replace(event, ts=event.ts + moves[event.who]))
    moved.sort(key=attrgetter("ts"))
    yield from moved
