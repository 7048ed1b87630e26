"""Replay: a file of signalling into the stream, pseudonymised, minimised, aggregated, in order and at a pace."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal

import msgspec

from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave.domain.signalling import Event
from cellwave_ops.sources.events import Quarantine, SourceEvent, Tally
from cellwave_ops.sources.jsonl import JsonLines
from cellwave_ops.sources.producer import MAX_SPAN_MS, MIN_TICK_MS, Producer
from cellwave_ops.sources.rebase import fold, shift
from cellwave_ops.sources.sender import RecordsClient, Sender
from cellwave_ops.sources.traces import CellTraces

Format = Literal["auto", "jsonl", "traces"]
OnProgress = Callable[[float, int], None]

_SHORTEST_PAUSE_S: Final = 0.05
_PROGRESS_EVERY: Final = 500
_FOLD_HOURS_OF_TRACES: Final = 24


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What to replay and how.

    `speed` is stream seconds a wall second, None for as fast as it goes. `start_ms` moves the file so that it
    begins then, None leaves its own clock; with `fold_hours` every subscriber's run begins within so many hours
    of it (0: distances are kept; None: 24 for traces, 0 for others). `producer` names the run: the same file under
    the same name, start and speed makes the same records, which the matcher knows when they come again; empty for
    a name made of all these. `tee` receives the events as sent, `quarantine` the lines that could not be used.
    """

    path: Path
    stream: str
    quarantine: Path
    format: Format = "auto"
    speed: float | None = None
    start_ms: int | None = None
    fold_hours: int | None = None
    producer: str = ""
    tee: Path | None = None

    @property
    def kind(self) -> Literal["jsonl", "traces"]:
        """The format, told by the file's name where it is `auto`: a CSV holds traces."""
        if self.format != "auto":
            return self.format
        return "traces" if ".csv" in (suffix.lower() for suffix in self.path.suffixes) else "jsonl"

    @property
    def folded_into(self) -> int:
        """Hours into which the runs are folded, 0 where distances are kept."""
        if self.fold_hours is None:
            return _FOLD_HOURS_OF_TRACES if self.kind == "traces" else 0
        return self.fold_hours


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay did. `bytes` is what the events took, `tick_bytes` the ticks, `plain_bytes` JSON lines would."""

    file: str
    format: str
    producer: str
    tally: Tally
    events: int
    first_ts: int
    last_ts: int
    records: int
    ticks: int
    requests: int
    refused: int
    bytes: int
    tick_bytes: int
    plain_bytes: int
    quarantined: int
    quarantine: str
    seconds: float

    @property
    def bytes_an_event(self) -> float:
        """Bytes of the records by events; ticks go by stream time and lanes, not by events."""
        return self.bytes / self.events if self.events else 0.0

    @property
    def ratio(self) -> float:
        """How many times smaller than JSON lines the events were sent."""
        return self.plain_bytes / self.bytes if self.bytes else 0.0

    def document(self) -> dict[str, Any]:
        """Return the result as it is written to JSON."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        tally = fields.pop("tally")
        derived = {
            "bytes_an_event": round(self.bytes_an_event, 2),
            "ratio": round(self.ratio, 2),
            "events_a_second": round(self.events / self.seconds) if self.seconds else 0,
        }
        return {**fields, **tally, **derived}


class _Pace:
    """Holds a record back until stream time, so many times as fast as the wall, has reached its clock."""

    def __init__(self, speed: float | None, pause: Callable[[float], None], monotonic: Callable[[], float]):
        self._speed = speed
        self._pause = pause
        self._monotonic = monotonic
        self._anchor = monotonic()

    def keep(self, stream_ms: int, before_waiting: Callable[[], None]) -> None:
        """Wait until `stream_ms` after the first event; what was handed in before is written meanwhile."""
        if self._speed is None:
            return
        due = self._anchor + stream_ms / 1_000 / self._speed
        if due - self._monotonic() > _SHORTEST_PAUSE_S:
            before_waiting()
            self._pause(max(0.0, due - self._monotonic()))


class _Course:
    """The events on their way: minimised, written to the tee, counted."""

    def __init__(self, keys: Pseudonymizer, tee: IO[bytes] | None, progress: Callable[[int], None]):
        self.events = 0
        self.first_ts = 0
        self.last_ts = 0
        self.plain_bytes = 0
        self._keys = keys
        self._tee = tee
        self._progress = progress

    def of(self, events: Iterable[SourceEvent]) -> Iterator[Event]:
        """Yield the events as they may be sent."""
        for raw in events:
            event = raw.minimised(self._keys)
            line = _line(event)
            self.plain_bytes += len(line)
            if self._tee:
                self._tee.write(line)
            self.first_ts = self.first_ts or event.ts
            self.last_ts = max(self.last_ts, event.ts)
            self.events += 1
            if self.events % _PROGRESS_EVERY == 0:
                self._progress(self.events)
            yield event
        self._progress(self.events)


def replay(
    plan: ReplayPlan,
    kinesis: RecordsClient,
    keys: Pseudonymizer,
    on_progress: OnProgress = lambda fraction, events: None,
    admit: Callable[[int], None] = lambda first_ts: None,
    pause: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> ReplayResult:
    """Send a file's events to the stream and return the account of it. `admit` may refuse by the first event's time.

    Raises DocumentError where the file cannot be read as what it is said to be, StreamRefusedError where the
    stream keeps refusing. A malformed line is set aside and never fatal.
    """
    if plan.tee and plan.tee.resolve() == plan.path.resolve():
        problem = Problem(str(plan.tee), "", "the tee would overwrite what is replayed", "name another file")
        raise DocumentError([problem])
    began = monotonic()
    linger, tick = _waits(plan.speed)
    producer = Producer(plan.producer or _name(plan), linger, tick)
    sender = Sender(kinesis, plan.stream, pause)
    with ExitStack() as stack:
        quarantine = stack.enter_context(Quarantine(plan.quarantine))
        source = (JsonLines if plan.kind == "jsonl" else CellTraces)(plan.path, quarantine)
        tee = stack.enter_context(_opened(plan.tee)) if plan.tee else None
        course = _Course(keys, tee, lambda events: on_progress(source.lines.fraction, events))
        pace = _Pace(plan.speed, pause, monotonic)
        for record in producer.records_of(course.of(_admitted(_rebased(source, plan), admit))):
            pace.keep(record.clock - course.first_ts, sender.flush)
            sender.send(record)
        sender.flush()
    return ReplayResult(
        file=str(plan.path),
        format=plan.kind,
        producer=producer.name,
        tally=source.tally,
        events=course.events,
        first_ts=course.first_ts,
        last_ts=course.last_ts,
        records=producer.records,
        ticks=producer.ticks,
        requests=sender.requests,
        refused=sender.refused,
        bytes=producer.record_bytes,
        tick_bytes=producer.tick_bytes,
        plain_bytes=course.plain_bytes,
        quarantined=quarantine.lines,
        quarantine=str(plan.quarantine) if quarantine.lines else "",
        seconds=round(monotonic() - began, 3),
    )


def _waits(speed: float | None) -> tuple[int, int]:
    """Return how much stream time an event may wait for company, and a tick for the next: about a wall second."""
    if speed is None:
        return MAX_SPAN_MS, MIN_TICK_MS
    second = max(1, int(speed * 1_000))
    return min(second, MAX_SPAN_MS), max(second, MIN_TICK_MS)


def _admitted(events: Iterable[SourceEvent], admit: Callable[[int], None]) -> Iterator[SourceEvent]:
    """Pass the events on once `admit` has seen the first one's time (stream ms) and raised nothing."""
    for number, event in enumerate(events):
        if not number:
            admit(event.ts)
        yield event


def _rebased(events: Iterable[SourceEvent], plan: ReplayPlan) -> Iterable[SourceEvent]:
    if plan.start_ms is None:
        return events
    if plan.folded_into:
        return fold(events, plan.start_ms, plan.folded_into)
    return shift(events, plan.start_ms)


def _name(plan: ReplayPlan) -> str:
    """Return a producer's name that differs wherever the records may."""
    if not plan.path.is_file():
        return "replay"  # the source says what is wrong with it
    with plan.path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    what = (content, plan.kind, plan.start_ms, plan.folded_into, _waits(plan.speed))
    return "replay-" + hashlib.sha256(repr(what).encode()).hexdigest()[:12]


def _opened(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


def _line(event: Event) -> bytes:
    document: dict[str, str | int] = {"sub": event.sub, "ts": event.ts, "type": event.type}
    for name in ("cell", "tac", "device", "plmn"):
        if value := getattr(event, name):
            document[name] = value
    return msgspec.json.encode(document) + b"\n"
