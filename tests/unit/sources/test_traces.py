"""Serving-cell traces: every row has one fate, and what is left are sightings in the order of time."""

from collections import Counter
from operator import attrgetter
from pathlib import Path

import pytest

from cellwave.domain.errors import DocumentError
from cellwave_ops.sources.events import Quarantine, SourceEvent
from cellwave_ops.sources.examples import DWELL_LIST, example_for_traces
from cellwave_ops.sources.rebase import fold, shift
from cellwave_ops.sources.traces import CellTraces

SAMPLE = Path(__file__).parents[3] / "events" / "traces.csv"
REAL = Path(__file__).parents[4] / "shared" / "data" / "cell_traces" / "traces.csv.gz"
DAY = 86_400_000

needs_real = pytest.mark.skipif(not REAL.exists(), reason="the traces are not beside the project (../shared/data)")


def _read(path: Path, tmp_path: Path) -> tuple[list[SourceEvent], CellTraces]:
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        source = CellTraces(path, quarantine)
        events = list(source)
    assert sum(source.tally.fates.values()) == source.tally.rows
    return events, source


def test_every_row_of_the_sample_has_one_fate(tmp_path: Path) -> None:
    _, source = _read(SAMPLE, tmp_path)
    assert source.tally.rows == 24
    assert source.tally.fates == Counter(sighting=6, unchanged=7, repeated=1, no_cell=3, lac_zero=1, malformed=6)
    assert source.tally.notes == Counter(runs=2, out_of_order=2)


def test_a_changed_cell_or_a_minute_in_one_is_a_sighting(tmp_path: Path) -> None:
    events, _ = _read(SAMPLE, tmp_path)
    first = min(event.ts for event in events)
    runs: dict[str, list[tuple[int, str]]] = {}
    for event in events:
        runs.setdefault(event.who, []).append(((event.ts - first) // 1_000, event.cell))
    a, b = runs.values()
    assert a == [
        (0, "272-03-40101-1001"),
        (1, "272-03-40101-1002"),
        (90, "272-03-40101-1002"),
        (100, "001-01-40101-1003"),
    ]
    assert [cell for _, cell in b] == ["272-03-40101-1001"] * 2


def test_sightings_come_in_the_order_of_time(tmp_path: Path) -> None:
    events, _ = _read(SAMPLE, tmp_path)
    assert events == sorted(events, key=attrgetter("ts"))


def test_a_run_is_the_same_subscriber_in_every_file_and_a_number_of_its_own(tmp_path: Path) -> None:
    events, _ = _read(SAMPLE, tmp_path)
    alone = tmp_path / "alone.csv"
    rows = SAMPLE.read_text().splitlines()
    alone.write_text("\n".join([rows[0], *(row for row in rows if row.startswith("run/b"))]))
    again, _ = _read(alone, tmp_path)
    assert {event.who for event in again} < {event.who for event in events}
    assert all(event.who.startswith("35385") and len(event.who) == 12 for event in events)


@pytest.mark.parametrize("content", ["", "a,b,c\n1,2,3\n", '{"sub": "x"}\n'])
def test_a_file_that_is_no_trace_is_an_error_that_names_the_columns(content: str, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text(content)
    with pytest.raises(DocumentError, match=r"no column .*RAWCELLID"):
        _read(path, tmp_path)


def test_folded_runs_keep_their_time_of_day_and_begin_within_one_day(tmp_path: Path) -> None:
    events, _ = _read(SAMPLE, tmp_path)
    start = 1_793_577_600_000
    folded = list(fold(events, start))
    assert [event.ts for event in folded] == sorted(event.ts for event in folded)
    assert Counter((event.who, event.ts % DAY, event.cell) for event in folded) == Counter(
        (event.who, event.ts % DAY, event.cell) for event in events
    )
    assert all(start <= event.ts < start + DAY for event in folded)


def test_a_fold_that_begins_at_noon_puts_a_morning_run_after_midnight() -> None:
    noon = 1_793_620_800_000
    morning = SourceEvent("999850000001", noon - 7 * DAY - 4 * 3_600_000, "power_on")
    (moved,) = fold([morning], noon)
    assert moved.ts == noon + 20 * 3_600_000


def test_a_shift_keeps_distances() -> None:
    events = [SourceEvent("999850000001", ts, "power_on") for ts in (100, 50, 90 * DAY)]
    assert [event.ts for event in shift(events, 1_000)] == [1_000, 950, 1_000 + 90 * DAY - 100]
    assert list(shift([], 5)) == []


@needs_real
def test_all_139_718_rows_of_the_real_traces_are_accounted_for(tmp_path: Path) -> None:
    events, source = _read(REAL, tmp_path)
    fates = source.tally.fates
    assert source.tally.rows == 139_718
    assert (fates["lac_zero"], fates["no_cell"], fates["malformed"]) == (89, 2, 0)
    assert fates["sighting"] == len(events) == 3_299
    assert source.tally.notes == Counter(runs=53, out_of_order=1)
    assert len({event.who for event in events}) == 53
    assert all(event.cell.startswith("272-03-") for event in events)
    assert not (tmp_path / "quarantine.jsonl").exists()


@needs_real
def test_the_example_for_the_real_traces_covers_cells_that_are_seen(tmp_path: Path) -> None:
    areas = example_for_traces(REAL, tmp_path)
    seen = {event.cell for event in _read(REAL, tmp_path)[0]}
    assert {name: len(cells) for name, cells in areas.items()} == {"campus": 3, "quays": 5, "suburb": 8}
    cells = [cell for of_area in areas.values() for cell in of_area]
    assert len(set(cells)) == 16
    assert set(cells) <= seen
    assert len((tmp_path / "lists" / f"{DWELL_LIST}.csv").read_text().splitlines()) == 54
