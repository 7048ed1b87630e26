"""Play the demo: start, deploy, publish, replay, let the journeys run, count, compare, judge."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cellwave.application.publish import publish
from cellwave.application.report import Report
from cellwave_ops.channels.public import HOUR_MS
from cellwave_ops.cli.match import run_match
from cellwave_ops.cli.stack import written_clock
from cellwave_ops.demo.crew import Crew
from cellwave_ops.demo.judge import Judgement, judge
from cellwave_ops.demo.material import Material, Source, prepare
from cellwave_ops.deployment import deploy
from cellwave_ops.emulator import lifecycle
from cellwave_ops.emulator.ports import is_free
from cellwave_ops.operations import depth, load_numbers, read_publication, report_document, stack_report
from cellwave_ops.sources.examples import write_list
from cellwave_ops.sources.numbers import read_numbers
from cellwave_ops.sources.replay import ReplayPlan, ReplayResult, replay
from cellwave_ops.stack import INSTANCE, Stack

INSTANCE_NAME: Final = "demo"
SCALE: Final = 3600.0
PORTS: Final = range(4570, 4600)
_SETTLE_LIMIT_S: Final = 330.0
_POISON: Final = ("not even JSON", '{"hello": "queue"}')
_MALFORMED: Final = (b"\x01broken", b'{"sub": "nobody", "ts": 1, "type": "sighting", "cell": "x"}', b"[]")

Say = Callable[[str], None]
Show = Callable[[float, str], None]


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
    """One run. `say` hears what begins, `show` how far it is (0..1)."""

    source: Source
    seed: int
    say: Say
    show: Show
    keep: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    def run(self) -> Played:
        """Play it all. The stack is stopped whatever happens, unless it shall be kept."""
        lifecycle.down(INSTANCE_NAME, purge=True)
        try:
            return self._run()
        finally:
            if not self.keep:
                lifecycle.down(INSTANCE_NAME)

    def _run(self) -> Played:
        port = next(port for port in PORTS if is_free(port))
        self._step(f"starting the embedded stack on port {port}; an hour of stream time is a second")
        running = lifecycle.up(INSTANCE_NAME, port, written_clock(SCALE, "now"))
        os.environ.update(running.environment())
        os.environ[INSTANCE] = INSTANCE_NAME
        stack = deploy(running, "default", self._step)
        self._step("preparing signalling, campaigns, flows and target lists")
        material = prepare(running.folder / "material", self.source, self.seed)
        self._publish(stack, material)
        crew = self._crew(running, material)
        try:
            replayed = self._replay(stack, material, running.folder)
            self._settle(stack, crew)
        finally:
            counts = crew.stop()
        self._step("counting and comparing with the offline matcher")
        counted = stack_report(stack)
        offline = self._match_offline(stack, material, running.folder)
        verdict = judge(stack, counted, replayed, offline, counts, len(_POISON), len(_MALFORMED))
        self.seconds["in all"] = time.monotonic() - self._begun
        return Played(material.source, replayed, counted, verdict, counts, self.seconds)

    def _step(self, what: str) -> None:
        self.seconds[what] = round(time.monotonic() - self._begun, 1)
        self.say(what)

    def _publish(self, stack: Stack, material: Material) -> None:
        for file in material.lists:
            numbers = read_numbers(file)
            self._step(f"sealing target list {file.stem}: {len(numbers):,} subscribers")
            load_numbers(stack, file.stem, numbers)
        publication = read_publication(material.folder)
        self._step(f"publishing {len(publication.campaigns)} campaigns and {len(publication.flows)} flows")
        publish(stack.wiring.registry, stack.clock(), publication)

    def _crew(self, running: lifecycle.Running, material: Material) -> Crew:
        self._step("opening the channels: SMS centre, call desk, front line")
        crew = Crew(running.folder / "channels", {**running.environment(), INSTANCE: INSTANCE_NAME})
        for channel in ("sms", "outbound_call"):
            out = running.folder / "channels" / f"{channel}-outbox.jsonl"
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
        progress = lambda fraction, events: self.show(fraction, f"{events:,} events")  # noqa: E731
        return replay(plan, stack.kinesis(), stack.pseudonymizer(), progress)

    def _settle(self, stack: Stack, crew: Crew) -> None:
        """Wait until every journey has ended; give up on a crew that died or after a bound."""
        self._step("letting the journeys run: text, counter and hotline, call")
        begun = time.monotonic()
        most = 1
        while time.monotonic() - begun < _SETTLE_LIMIT_S:
            waiting = _unfinished(stack)
            most = max(most, waiting)
            self.show(1 - waiting / most, f"{waiting:,} journeys or messages on their way, stream time {_hour(stack)}")
            dead = crew.dead()
            if dead:
                raise RuntimeError(f"a channel system stopped by itself: {dead}")
            if not waiting and time.monotonic() - begun > 3:
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


def _unfinished(stack: Stack) -> int:
    """Return how many journeys are open, and messages queued or failing."""
    counted = stack_report(stack)
    queues = [*stack.channel_queues.values(), stack.outputs["MatcherFailuresQueue"]]
    iterator = sum(depth(stack, url) for url in queues)
    return counted.endings.get("open", 0) + iterator


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
    return {
        "source": played.source,
        "replay": played.replayed.document(),
        "report": report_document(played.report),
        "channels": played.crew,
        "checks": [{"check": c.name, "holds": c.holds, "seen": c.seen} for c in played.judgement.checks],
        "lost": played.judgement.lost,
        "seconds": {name: round(value, 1) for name, value in played.seconds.items()},
    }


def write_document(played: Played, path: Path) -> None:
    """Write the run as JSON."""
    path.write_text(json.dumps(document(played), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
