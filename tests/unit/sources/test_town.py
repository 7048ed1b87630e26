"""The made-up town: reproducible, plausible, and fit to be matched and replayed."""

import csv
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from cellwave.contracts.documents import Known, load_areas, load_campaigns, load_flows, load_scripts
from cellwave.contracts.list_files import load_list
from cellwave.domain.pseudonyms import imei14
from cellwave_ops.sources import town_files
from cellwave_ops.sources.events import Quarantine, SourceEvent
from cellwave_ops.sources.jsonl import JsonLines
from cellwave_ops.sources.town import DAY_MS, HANDSETS, Town, inhabitant, with_check_digit
from cellwave_ops.sources.town_files import FIRST_DAY_MS, TownPlan, TownResult, make_town

PEOPLE = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    make_town(TownPlan(folder, PEOPLE, days=2, seed=7))
    return folder


def _events(folder: Path, kept: Path) -> tuple[list[SourceEvent], JsonLines]:
    with Quarantine(kept) as quarantine:
        source = JsonLines(folder / "events.jsonl.zst", quarantine)
        return list(source), source


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("noise", [False, True])
def test_the_same_seed_makes_the_same_bytes_and_another_one_others(noise: bool, tmp_path: Path) -> None:
    one, again, other = (tmp_path / name for name in ("one", "again", "other"))
    for place, seed in ((one, 3), (again, 3), (other, 4)):
        make_town(TownPlan(place, 60, seed=seed, noise=noise))
    assert _bytes(one) == _bytes(again)
    assert _bytes(one)["events.jsonl.zst"] != _bytes(other)["events.jsonl.zst"]


def test_events_come_in_the_order_of_time_within_the_days_asked_for(folder: Path, tmp_path: Path) -> None:
    events, source = _events(folder, tmp_path / "q")
    times = [event.ts for event in events]
    assert times == sorted(times)
    assert FIRST_DAY_MS <= times[0] <= times[-1] < FIRST_DAY_MS + 2 * DAY_MS
    assert source.tally.fates.keys() == {"event"}
    assert 25 * PEOPLE * 2 < len(events) < 60 * PEOPLE * 2


def test_a_subscriber_is_a_number_of_no_country_with_an_imei_of_the_test_range(folder: Path) -> None:
    with (folder / "subscribers.csv").open() as file:
        people = list(csv.DictReader(file))
    assert len({person["msisdn"] for person in people}) == PEOPLE
    assert {person["kind"] for person in people} == {"commuter", "local", "visitor", "night_worker", "homebody"}
    tacs = {tac for tac, _, _ in HANDSETS}
    for person in people:
        assert person["msisdn"].startswith("999")
        assert person["imei"][:8] in tacs
        assert with_check_digit(imei14(person["imei"])) == person["imei"]


def test_the_check_digit_is_luhns() -> None:
    """The example of 3GPP TS 23.003, annex B: 26053179311383 has the check digit 7."""
    assert with_check_digit("26053179311383") == "260531793113837"


def test_there_is_what_stays_timers_and_exits_need(folder: Path, tmp_path: Path) -> None:
    events, _ = _events(folder, tmp_path / "q")
    types = Counter(event.type for event in events)
    assert min(types[kind] for kind in ("power_off", "power_on", "call_out", "sms_in", "web")) > 0
    assert all(event.imei for event in events if event.type == "power_on")
    mall = set(Town.laid_out().areas["mall"])
    silent = [inhabitant(Town.laid_out(), 7, index) for index in range(PEOPLE)]
    quiet = {who.msisdn for who in silent if who.silent}
    assert any(event.who in quiet and event.cell in mall for event in events)
    assert len({event.who for event in events if event.cell in mall}) > PEOPLE / 10


def test_what_the_town_offers_can_be_loaded_as_it_is(folder: Path) -> None:
    areas = load_areas(folder / "areas.json")
    scripts = load_scripts(folder / "scripts.json")
    flows = load_flows(folder / "flows", known=Known(scripts=scripts.keys()))
    lists = {path.stem: path for path in (folder / "lists").iterdir()}
    known = Known(areas=areas, lists=lists.keys(), flows={flow.name for flow in flows})
    campaigns = load_campaigns(folder / "campaigns", known)
    assert {campaign.target_list for campaign in campaigns} == lists.keys()
    assert {flow.name for flow in flows} == {"three-wave", "two-step"}
    assert 0.3 * PEOPLE < len(load_list(lists["ringback-2026-11"])) < 0.5 * PEOPLE


def test_noise_repeats_delays_and_breaks_lines_and_every_true_event_is_still_there(tmp_path: Path) -> None:
    quiet, noisy = tmp_path / "quiet", tmp_path / "noisy"
    make_town(TownPlan(quiet, 300))
    result = make_town(TownPlan(noisy, 300, noise=True))
    true, _ = _events(quiet, tmp_path / "q1")
    events, source = _events(noisy, tmp_path / "q2")
    assert set(events) == set(true)
    assert len(events) == len(true) + result.repeated
    assert source.tally.fates["malformed"] == result.malformed > 0
    assert source.tally.notes["out_of_order"] > 0
    assert result.disordered > 0
    greatest = 0
    for event in events:
        greatest = max(greatest, event.ts)
        assert event.ts > greatest - 60_000


def test_what_is_sorted_by_way_of_the_disk_is_sorted_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[TownResult] = [make_town(TownPlan(tmp_path / "memory", 50, noise=True))]
    monkeypatch.setattr(town_files, "_LINES_IN_MEMORY", 100)
    made.append(make_town(TownPlan(tmp_path / "disk", 50, noise=True)))
    assert made[0] == made[1]
    assert _bytes(tmp_path / "memory") == _bytes(tmp_path / "disk")


def test_memory_does_not_grow_with_the_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(town_files, "_LINES_IN_MEMORY", 2_000)
    peaks = []
    for people in (100, 400):
        tracemalloc.start()
        make_town(TownPlan(tmp_path / str(people), people))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_the_readme_names_every_file(folder: Path) -> None:
    readme = (folder / "README.txt").read_text()
    for path in folder.iterdir():
        assert path.name == "README.txt" or path.name in readme
    lines = zstandard.ZstdDecompressor().stream_reader((folder / "events.jsonl.zst").read_bytes()).read()
    assert {"sub", "ts", "type"} <= json.loads(lines.splitlines()[0]).keys()
