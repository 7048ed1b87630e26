"""The main job on a small town's evening: what is replayed, who answers, what it came to."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from tests.e2e.scene import HOUR_MS, until

from cellwave.application.publish import publish
from cellwave.application.report import Report, report
from cellwave.domain.journey import Journey
from cellwave_ops.demo.crew import Crew
from cellwave_ops.matching import run_match
from cellwave_ops.operations import depth, load_numbers, read_publication
from cellwave_ops.sources.examples import write_list
from cellwave_ops.sources.numbers import read_numbers
from cellwave_ops.sources.replay import ReplayPlan, ReplayResult, replay
from cellwave_ops.sources.town_files import FIRST_DAY_MS, TownPlan, make_town
from cellwave_ops.stack import Stack

PEOPLE = 250
SEED = 7
SPEED = 360.0
EVENING = range(FIRST_DAY_MS + 17 * HOUR_MS, FIRST_DAY_MS + 19 * HOUR_MS)
LIST = "town-everybody"
POISON = ("not even JSON", '{"hello": "queue"}')

_FLOW = {
    "flow": "town-three-wave",
    "start": "text",
    "nodes": {
        "text": {
            "kind": "wave",
            "channels": ["sms"],
            "script": "town-words",
            "window_hours": 1,
            "next": {
                "considering": "counter",
                "no_response": "counter",
                "context_expired": "counter",
                "undeliverable": "call",
            },
        },
        "counter": {
            "kind": "wave",
            "channels": ["counter", "hotline", "web"],
            "script": "town-words",
            "window_hours": 1,
            "next": {"considering": "call", "no_response": "call"},
        },
        "call": {
            "kind": "wave",
            "channels": ["outbound_call"],
            "script": "town-words",
            "window_hours": 1,
            "attempts": 2,
        },
    },
}
_TRIGGERS: dict[str, dict[str, object]] = {
    "town-mall": {"kind": "area_dwelled", "area": "mall", "minutes": 20},
    "town-station": {"kind": "area_entered", "area": "station"},
    "town-old": {"kind": "area_entered", "area": "old-town"},
}


@dataclass(frozen=True)
class MainJob:
    """What the main job came to. `secrets`: every MSISDN, IMEI and IMSI of the town."""

    replayed: ReplayResult
    offline: list[dict[str, Any]]
    journeys: list[Journey]
    report: Report
    crew: Mapping[str, Mapping[str, int]]
    poison_left: int
    secrets: frozenset[str]


def play(stack: Stack, folder: Path, environment: Mapping[str, str]) -> MainJob:
    """Publish, replay an evening at the stack's own pace, let the journeys run to their end."""
    material = folder / "material"
    secrets = _material(material)
    people = read_numbers(material / "lists" / f"{LIST}.csv")
    load_numbers(stack, LIST, people)
    publish(stack.wiring.registry, stack.clock(), read_publication(material))
    for body in POISON:
        stack.wiring.clients.sqs.send_message(QueueUrl=stack.channel_queues["sms"], MessageBody=body)
    crew = _crew(folder, material, environment)
    try:
        plan = ReplayPlan(
            path=material / "evening.jsonl",
            stream=stack.outputs["SignallingStream"],
            quarantine=folder / "quarantine.jsonl",
            speed=SPEED,
            start_ms=stack.clock().now(),
            tee=folder / "events.jsonl",
        )
        replayed = replay(plan, stack.kinesis(), stack.pseudonymizer())
        offline = _offline(stack, folder, material, people)
        until(lambda: len(_journeys(stack)) >= len(offline), "every match to become a journey")
        until(lambda: not _is_under_way(stack), "every journey to end", within=240)
        dlq = stack.channel_dlqs["sms"]
        until(lambda: depth(stack, dlq) >= len(POISON), "poison to reach the dead-letter queue")
        assert crew.dead() == {}
    finally:
        counted = crew.stop()
    return MainJob(
        replayed,
        offline,
        _journeys(stack),
        _report(stack),
        counted,
        depth(stack, stack.channel_queues["sms"]),
        secrets,
    )


def _material(folder: Path) -> frozenset[str]:
    """Write the evening, its documents and the list; return every number in them that must not get out."""
    make_town(TownPlan(folder, people=PEOPLE, seed=SEED, noise=True))
    secrets = set()
    with (folder / "subscribers.csv").open() as rows:
        for row in list(rows)[1:]:
            msisdn, imei, *_ = row.split(",")
            secrets |= {msisdn, imei, imei[:14], _imsi(msisdn)}
    for name in ("campaigns", "flows", "lists"):
        for file in (folder / name).iterdir():
            file.unlink()
    everybody = sorted(number for number in secrets if number.startswith("99985"))
    write_list(folder, LIST, everybody)
    (folder / "flows" / "flow.json").write_text(json.dumps(_FLOW))
    (folder / "scripts.json").write_text(json.dumps({"scripts": {"town-words": "Half price for three months?"}}))
    for name, trigger in _TRIGGERS.items():
        (folder / "campaigns" / f"{name}.json").write_text(json.dumps(_campaign(name, trigger)))
    evening = list(_evening(folder / "events.jsonl.zst"))
    (folder / "evening.jsonl").write_bytes(b"".join(evening))
    cells = [cell.encode() for cell in json.loads((folder / "areas.json").read_text())["mall"]]
    # Who is in the mall comes to the counter every hour: of these some have an offer waiting.
    about = b"".join(line for line in evening if any(cell in line for cell in cells)).decode(errors="replace")
    visitors = [number for number in everybody if number in about]
    (folder / "visitors.csv").write_text("\n".join(["sub", *visitors]) + "\n")
    return frozenset(secrets)


def _imsi(msisdn: str) -> str:
    return f"00101{msisdn[-10:]}"


def _campaign(name: str, trigger: Mapping[str, object]) -> dict[str, object]:
    return {
        "campaign": name,
        "product": name,
        "offer": "half-price",
        "targets": {"list": LIST},
        "trigger": trigger,
        "respond_within_hours": 1,
        "flow": "town-three-wave",
        "holdout_percent": 20,
    }


def _evening(file: Path) -> Iterator[bytes]:
    """The evening's lines, each with an IMSI as probes add it; those that are broken stay as they are."""
    with file.open("rb") as packed:
        lines = zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines(keepends=True)
    for line in lines:
        try:
            event = json.loads(line)
            ts = event["ts"]
        except (ValueError, KeyError, TypeError):
            yield line
            continue
        if not isinstance(ts, int) or ts in EVENING:
            yield json.dumps({**event, "imsi": _imsi(event.get("sub", ""))}).encode() + b"\n"


def _crew(folder: Path, material: Path, environment: Mapping[str, str]) -> Crew:
    crew = Crew(folder / "channels", environment)
    for channel in ("sms", "outbound_call"):
        out = folder / "channels" / f"{channel}-outbox.jsonl"
        crew.start(channel, ["poll", channel, "--public", str(SEED), "--out", str(out)])
    crew.start("front", ["front", str(material / "visitors.csv"), "--public", str(SEED), "--visits", "24"])
    return crew


def _offline(stack: Stack, folder: Path, material: Path, people: list[str]) -> list[dict[str, Any]]:
    """Match the events as they were sent, by `cellwave match`."""
    keys = stack.pseudonymizer()
    write_list(folder / "pseudonymous", LIST, [keys.of(number) for number in people])
    out = folder / "matches.jsonl"
    lists = folder / "pseudonymous" / "lists"
    run_match(material / "campaigns", material / "areas.json", lists, folder / "events.jsonl", out)
    return [json.loads(line) for line in out.read_text().splitlines()]


def _journeys(stack: Stack) -> list[Journey]:
    return [journey for journey in stack.wiring.journeys.all() if journey.campaign in _TRIGGERS]


def _report(stack: Stack) -> Report:
    wiring = stack.wiring
    outcomes = [outcome for outcome in wiring.ledger.all() if outcome.campaign in _TRIGGERS]
    lanes = wiring.state.all_lanes()
    marks = [mark for mark in wiring.journeys.marks() if mark.campaign in _TRIGGERS]
    return report(wiring.registry.current(), lanes, _journeys(stack), marks, outcomes, stack.clock().now())


def _is_under_way(stack: Stack) -> bool:
    queues = (stack.channel_queues[channel] for channel in ("sms", "outbound_call"))
    return bool(_report(stack).endings.get("open") or any(depth(stack, url) for url in queues))
