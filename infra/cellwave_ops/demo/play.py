"""Play the demo: start, deploy, publish, replay, let the journeys run, count, compare, judge."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cellwave.application.publish import publish
from cellwave.application.report import Report
from cellwave.domain.campaign import HOUR_MS
from cellwave.domain.errors import CellwaveError
from cellwave_ops.demo.crew import Crew
from cellwave_ops.demo.judge import Judgement, gather, judge
from cellwave_ops.demo.material import Material, Source, prepare
from cellwave_ops.deployment import deploy
from cellwave_ops.emulator import lifecycle
from cellwave_ops.emulator.ports import is_free
from cellwave_ops.matching import run_match
from cellwave_ops.operations import depth, load_numbers, read_publication, report_document, stack_report
from cellwave_ops.sources.examples import write_list
from cellwave_ops.sources.numbers import read_numbers
from cellwave_ops.sources.replay import ReplayPlan, ReplayResult, replay
from cellwave_ops.stack import INSTANCE, STACK, Stack, point_at, stack_clock

INSTANCE_NAME: Final = "demo"
FOLDER: Final = lifecycle.STATE_ROOT / INSTANCE_NAME
RESULT: Final = FOLDER / "report.json"
SCALE: Final = 3600.0
PORTS: Final = range(4570, 4600)
_SETTLE_LIMIT_S: Final = 330.0
_QUIET_S: Final = 3.0
_POISON: Final = ("not even JSON", '{"hello": "queue"}')
_MALFORMED: Final = (b"\x01broken", b'{"sub": "nobody", "ts": 1, "type": "sighting", "cell": "x"}', b"[]")

Say = Callable[[float, str], None]
"""Hears what begins, and how many seconds after the demo's start."""
Show = Callable[[float, float, str], None]
"""Hears the seconds since the start, how far the step is (0..1), and what there is to say about it."""


class DemoError(CellwaveError):
    """The demo cannot be played, or broke off; the message says why and what to do."""


class DemoBusyError(DemoError):
    """Another process plays the demo: there is one at a time, for there is one folder."""


@dataclass(slots=True)
class Played:
    """What a demo came to."""

    source: str
    replayed: ReplayResult
    report: Report
    judgement: Judgement
    crew: dict[str, dict[str, int]]
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Play:
    """One run. Raises DemoError and whatever stands in a part's way."""

    source: Source
    seed: int
    say: Say
    show: Show
    keep: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    def run(self) -> Played:
        """Play it all. The stack is stopped whatever happens, unless it shall be kept; its folder stays."""
        with _alone():
            if FOLDER.exists():
                self._step("removing what the last demo left")
            lifecycle.down(INSTANCE_NAME, purge=True)
            try:
                played = self._run()
                write_document(played, RESULT)
                return played
            finally:
                if not self.keep:
                    lifecycle.down(INSTANCE_NAME)

    def _run(self) -> Played:
        port = free_port()
        self._step(f"starting the embedded stack on port {port}; an hour of stream time is a second")
        running = lifecycle.up(INSTANCE_NAME, port, stack_clock(SCALE))
        os.environ[INSTANCE] = INSTANCE_NAME
        os.environ.pop(STACK, None)
        point_at(running)
        stack = deploy(running, "local", self._step)
        self._step("preparing signalling, campaigns, flows and target lists")
        material = prepare(running.folder / "material", self.source, self.seed)
        self._publish(stack, material)
        crew = self._crew(running.folder / "channels", material)
        try:
            replayed = self._replay(stack, material, running.folder)
            self._settle(stack, crew)
        finally:
            counts = crew.stop()
        self._step("counting, and comparing with the offline matcher")
        counted = stack_report(stack)
        offline = self._match_offline(stack, material, running.folder)
        evidence = gather(stack, counted, replayed, offline, counts, len(_POISON), len(_MALFORMED))
        self.seconds["in all"] = self._elapsed()
        return Played(material.source, replayed, counted, judge(evidence), counts, self.seconds)

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._begun, 1)

    def _step(self, what: str) -> None:
        self.seconds[what] = self._elapsed()
        self.say(self._elapsed(), what)

    def _publish(self, stack: Stack, material: Material) -> None:
        for file in material.lists:
            numbers = read_numbers(file)
            self._step(f"sealing target list {file.stem}: {len(numbers):,} subscribers")
            load_numbers(stack, file.stem, numbers)
        publication = read_publication(material.folder)
        self._step(f"publishing {len(publication.campaigns)} campaigns and {len(publication.flows)} flows")
        publish(stack.wiring.registry, stack.clock(), publication)

    def _crew(self, folder: Path, material: Material) -> Crew:
        self._step("opening the channels: SMS centre, call desk, front line")
        crew = Crew(folder)
        for channel in ("sms", "outbound_call"):
            out = folder / f"{channel}-outbox.jsonl"
            crew.start(channel, ["poll", channel, "--public", str(self.seed), "--out", str(out)])
        crew.start("front", ["front", str(material.people), "--public", str(self.seed)])
        return crew

    def _replay(self, stack: Stack, material: Material, folder: Path) -> ReplayResult:
        _make_trouble(stack)
        self._step(f"replaying {material.file.name} through Kinesis")
        plan = ReplayPlan(
            path=material.file,
            stream=stack.outputs["SignallingStream"],
            quarantine=folder / "quarantine.jsonl",
            speed=SCALE,
            start_ms=stack.clock().now(),
            tee=folder / "events.jsonl",
        )

        def progress(fraction: float, events: int) -> None:
            self.show(self._elapsed(), fraction, f"{events:,} events sent")

        return replay(plan, stack.kinesis(), stack.pseudonymizer(), progress)

    def _settle(self, stack: Stack, crew: Crew) -> None:
        """Wait until every journey has ended; give up when a channel system died, or after a bound."""
        self._step("letting the journeys run: text, counter and hotline, call")
        begun = time.monotonic()
        most = 1
        while time.monotonic() - begun < _SETTLE_LIMIT_S:
            waiting = _unfinished(stack)
            most = max(most, waiting)
            words = f"{waiting:,} journeys or messages on their way, stream time {_hour(stack)}"
            self.show(self._elapsed(), 1 - waiting / most, words)
            for name, end in crew.dead().items():
                raise DemoError(f"the channel system {name!r} stopped by itself:\n{end}")
            if not waiting and time.monotonic() - begun > _QUIET_S:
                return
            time.sleep(1)

    def _match_offline(self, stack: Stack, material: Material, folder: Path) -> Path:
        """Match what was sent, as it was sent, by the offline engine; return the file of its matches."""
        keys = stack.pseudonymizer()
        sealed = folder / "pseudonymous"
        for file in material.lists:
            write_list(sealed, file.stem, [keys.of(number) for number in read_numbers(file)])
        out = folder / "matches.jsonl"
        run_match(
            material.folder / "campaigns",
            material.folder / "areas.json",
            sealed / "lists",
            folder / "events.jsonl",
            out,
        )
        return out


def free_port() -> int:
    """Return the first of PORTS that is free. Raises DemoError."""
    for port in PORTS:
        if is_free(port):
            return port
    raise DemoError(f"every port from {PORTS.start} to {PORTS.stop - 1} is in use: free one for the embedded stack")


@contextmanager
def _alone() -> Iterator[None]:
    """Keep a second demo from stopping the stack of the first one."""
    lifecycle.STATE_ROOT.mkdir(parents=True, exist_ok=True)
    with (lifecycle.STATE_ROOT / f"{INSTANCE_NAME}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoBusyError("a demo is being played here already: let it end, or stop it with Ctrl-C") from None
        yield


def _unfinished(stack: Stack) -> int:
    """Return how many journeys are open, and messages queued or failing."""
    queues = [*stack.channel_queues.values(), stack.outputs["MatcherFailuresQueue"]]
    return stack_report(stack).endings.get("open", 0) + sum(depth(stack, url) for url in queues)


def _hour(stack: Stack) -> str:
    return f"{stack.clock().now() // HOUR_MS % 24:02d}:00"


def _make_trouble(stack: Stack) -> None:
    """Put what must hurt nobody on the stream and on a queue: malformed records, poison messages."""
    for number, data in enumerate(_MALFORMED):
        stack.kinesis().put_record(
            StreamName=stack.outputs["SignallingStream"], Data=data, PartitionKey=f"trouble-{number}"
        )
    for body in _POISON:
        stack.wiring.clients.sqs.send_message(QueueUrl=stack.channel_queues["sms"], MessageBody=body)


def document(played: Played) -> dict[str, Any]:
    """Return the run as it is written to JSON."""
    ends = played.judgement.ends
    return {
        "source": played.source,
        "replay": played.replayed.document(),
        "report": report_document(played.report),
        "touches_made": {"total": sum(ends.values()), **ends},
        "channels": played.crew,
        "checks": [
            {"check": c.name, "holds": c.holds, "seen": c.seen, "lost": c.lost} for c in played.judgement.checks
        ],
        "lost": played.judgement.lost,
        "holds": played.judgement.holds,
        "seconds": {name: round(value, 1) for name, value in played.seconds.items()},
    }


def write_document(played: Played, path: Path) -> None:
    """Write the run as JSON."""
    path.write_text(json.dumps(document(played), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
