"""The same records sent a second time change nothing."""

import json
from pathlib import Path

from tests.e2e.scene import MINUTE_MS, Scene, counts, until, wave

from cellwave_ops.sources.replay import ReplayPlan, ReplayResult, replay
from cellwave_ops.stack import Stack


def test_the_same_records_sent_again_change_nothing_and_are_counted(stack: Stack, scene: Scene, tmp_path: Path) -> None:
    people = scene.people(20)
    scene.campaign([wave("unrepeated", "email", hours=12)])
    start = scene.now()
    file = tmp_path / "events.jsonl"
    lines = [
        {"sub": who, "ts": start + n * MINUTE_MS, "type": "sighting", "cell": scene.cell}
        for n, who in enumerate(people)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    plan = ReplayPlan(
        file, stack.outputs["SignallingStream"], tmp_path / "quarantine", start_ms=start, producer=f"{scene.name}-file"
    )
    before = counts(stack.wiring.state.all_lanes())

    once = _replayed(stack, plan)
    until(lambda: _came(stack, before, "records") == once.records, "the first time to be worked off")
    journeys, pages = scene.journeys(), _pages(stack)
    assert len(journeys) == len(people)
    again = _replayed(stack, plan)
    until(lambda: _came(stack, before, "duplicate_records") == again.records, "the second time to be worked off")

    assert (again.records, again.ticks) == (once.records, once.ticks)
    assert scene.journeys() == journeys
    assert _pages(stack) == pages
    assert _came(stack, before, "events") == len(people)


def _replayed(stack: Stack, plan: ReplayPlan) -> ReplayResult:
    return replay(plan, stack.kinesis(), stack.pseudonymizer())


def _came(stack: Stack, before: dict[str, int], name: str) -> int:
    return counts(stack.wiring.state.all_lanes()).get(name, 0) - before.get(name, 0)


def _pages(stack: Stack) -> dict[str, int]:
    """Every page of the matcher's state with its version: a write raises it."""
    table = stack.outputs["StateTable"]
    pages = stack.wiring.clients.dynamodb.get_paginator("scan").paginate(TableName=table)
    items = [item for page in pages for item in page["Items"]]
    return {item["pk"]["S"]: int(item["v"]["N"]) for item in items if item["pk"]["S"].startswith("P#")}
