"""Example documents for a set of areas: campaigns, flows, scripts and target lists, ready to publish."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cellwave_ops.sources.events import Quarantine
from cellwave_ops.sources.traces import CellTraces

DWELL_LIST: Final = "ringback-2026-11"
ENTRY_LIST: Final = "day-pass-2026-11"

FLOWS: Final[Mapping[str, Mapping[str, Any]]] = {
    "three-wave": {
        "flow": "three-wave",
        "start": "text",
        "nodes": {
            "text": {
                "kind": "wave",
                "channels": ["sms"],
                "script": "rbt-sms",
                "window_hours": 24,
                "next": {"considering": "counter", "no_response": "counter", "undeliverable": "call"},
            },
            "counter": {
                "kind": "wave",
                "channels": ["counter", "hotline", "web"],
                "script": "rbt-counter",
                "window_hours": 72,
                "next": {"considering": "call", "no_response": "call"},
            },
            "call": {
                "kind": "wave",
                "channels": ["outbound_call"],
                "script": "rbt-call",
                "window_hours": 48,
                "attempts": 2,
            },
        },
    },
    "two-step": {
        "flow": "two-step",
        "start": "text",
        "nodes": {
            "text": {
                "kind": "wave",
                "channels": ["sms"],
                "script": "pass-sms",
                "window_hours": 12,
                "next": {"considering": "ask", "no_response": "ask"},
            },
            "ask": {"kind": "wave", "channels": ["hotline", "app"], "script": "pass-ask", "window_hours": 24},
        },
    },
}

SCRIPTS: Final[Mapping[str, str]] = {
    "rbt-sms": "Your own ringback tone, 3 months at half price. Answer YES and it starts today, STOP and we never ask.",
    "rbt-counter": "May I offer you a ringback tone? Three months at half price, and you can stop at any time.",
    "rbt-call": "Good day, we are calling about the ringback tone: three months at half price. Would you like it?",
    "pass-sms": "On the way? A day of unlimited data for the price of a coffee. Answer YES to start.",
    "pass-ask": "You travel with us often: would a day pass be of use to you?",
}


def write_examples(
    folder: Path, areas: Mapping[str, Sequence[str]], dwell_area: str, entry_areas: Sequence[str]
) -> None:
    """Write areas, campaigns, flows and scripts into a folder.

    Who stays 20 minutes in `dwell_area` is offered a ringback tone in three waves; who enters one of
    `entry_areas`, a day pass in two.
    """
    _write(folder / "areas.json", {name: list(cells) for name, cells in areas.items()})
    _write(folder / "campaigns" / f"ringback-{dwell_area}.json", _ringback(dwell_area))
    for area in entry_areas:
        _write(folder / "campaigns" / f"day-pass-{area}.json", _day_pass(area))
    for name, flow in FLOWS.items():
        _write(folder / "flows" / f"{name}.json", flow)
    _write(folder / "scripts.json", {"scripts": dict(SCRIPTS)})


def write_list(folder: Path, name: str, numbers: Iterable[str]) -> None:
    """Write a target list: a CSV with a `sub` column."""
    (folder / "lists").mkdir(parents=True, exist_ok=True)
    with (folder / "lists" / f"{name}.csv").open("w", encoding="utf-8", newline="\n") as file:
        file.write("sub\n")
        file.writelines(f"{number}\n" for number in numbers)


def example_for_traces(traces: Path, folder: Path) -> dict[str, tuple[str, ...]]:
    """Write examples that fit a file of traces, and return their areas.

    The areas are made of its busiest cells, by sightings: `campus` of the three busiest, `quays` of the next five,
    `suburb` of the next eight. Every run's subscriber is on both lists. Raises DocumentError.
    """
    seen: Counter[str] = Counter()
    people: set[str] = set()
    with Quarantine(folder / "quarantine.jsonl") as quarantine:
        for event in CellTraces(traces, quarantine):
            seen[event.cell] += 1
            people.add(event.who)
    ranked = sorted(seen, key=lambda cell: (-seen[cell], cell))
    cut = {"campus": ranked[:3], "quays": ranked[3:8], "suburb": ranked[8:16]}
    areas = {name: tuple(cells) for name, cells in cut.items() if cells}
    dwell_area, *entry_areas = areas or [""]
    if dwell_area:
        write_examples(folder, areas, dwell_area, entry_areas)
    for name in (DWELL_LIST, ENTRY_LIST):
        write_list(folder, name, sorted(people))
    return areas


def _ringback(area: str) -> dict[str, Any]:
    return {
        "campaign": f"ringback-{area}",
        "product": "ringback-tone",
        "offer": "rbt-3-months-half-price",
        "targets": {"list": DWELL_LIST},
        "trigger": {"kind": "area_dwelled", "area": area, "minutes": 20},
        "respond_within_hours": 24,
        "flow": "three-wave",
        "reentry": "once",
        "holdout_percent": 5,
        "priority": 50,
        "value": 12.0,
    }


def _day_pass(area: str) -> dict[str, Any]:
    return {
        "campaign": f"day-pass-{area}",
        "product": "day-pass",
        "offer": "unlimited-data-day",
        "targets": {"list": ENTRY_LIST},
        "trigger": {"kind": "area_entered", "area": area},
        "respond_within_hours": 12,
        "flow": "two-step",
        "reentry": {"hours": 12},
        "holdout_percent": 10,
        "priority": 30,
        "value": 3.0,
    }


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
