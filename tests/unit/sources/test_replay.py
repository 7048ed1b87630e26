"""Replay: a file arrives in the stream whole, in order, as pseudonyms, at its pace, and is accounted for."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from cellwave.contracts.stream import decode_record
from cellwave.domain.errors import DocumentError
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave.domain.signalling import Event, Record
from cellwave_ops.cli.replay import parsed_speed, parsed_start
from cellwave_ops.sources.replay import ReplayPlan, ReplayResult, replay
from cellwave_ops.sources.town_files import TownPlan, make_town

SAMPLES = Path(__file__).parents[3] / "events"
REAL = Path(__file__).parents[4] / "shared" / "data" / "cell_traces" / "traces.csv.gz"
KEYS = Pseudonymizer("k1", b"0" * 32)
START = 1_793_577_600_000


class FakeStream:
    """A stream that accepts everything, and a clock that only waiting moves."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.times: list[float] = []
        self.now = 0.0

    def put_records(self, *, StreamName: str, Records: Sequence[Any]) -> Any:  # noqa: N803
        self.data.extend(record["Data"] for record in Records)
        self.times.extend(self.now for _ in Records)
        return {"Records": [{"SequenceNumber": "1"} for _ in Records]}

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def records(self) -> list[Record]:
        decoded = [decode_record(data, n) for n, data in enumerate(self.data)]
        assert not any(record.rejected for record in decoded)
        return decoded


def _replay(plan: ReplayPlan) -> tuple[ReplayResult, FakeStream]:
    stream = FakeStream()
    return replay(plan, stream, KEYS, pause=stream.wait, monotonic=lambda: stream.now), stream


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    make_town(TownPlan(folder, 300, noise=True, start_ms=START))
    return folder / "events.jsonl.zst"


@pytest.fixture
def plan(town: Path, tmp_path: Path) -> ReplayPlan:
    return ReplayPlan(town, "signalling", tmp_path / "quarantine.jsonl")


def _tee(path: Path) -> list[Event]:
    return [Event(**json.loads(line)) for line in path.read_text().splitlines()]


def _by_subscriber(events: Sequence[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.sub, []).append(event)
    return found


def test_what_is_sent_is_what_the_tee_holds_in_each_subscribers_order(plan: ReplayPlan, tmp_path: Path) -> None:
    result, stream = _replay(replace(plan, tee=tmp_path / "tee" / "events.jsonl"))
    sent = [event for record in stream.records() for event in record.events]
    tee = _tee(tmp_path / "tee" / "events.jsonl")
    assert _by_subscriber(sent) == _by_subscriber(tee)
    assert len(tee) == result.events == result.tally.fates["event"]
    assert result.records + result.ticks == len(stream.data)
    assert result.bytes + result.tick_bytes == sum(len(data) for data in stream.data)


def test_nothing_personal_reaches_stream_tee_or_quarantine(plan: ReplayPlan, tmp_path: Path) -> None:
    _, stream = _replay(replace(plan, tee=tmp_path / "tee.jsonl"))
    kept = repr(stream.records()) + (tmp_path / "tee.jsonl").read_text() + plan.quarantine.read_text()
    assert "99985" not in kept
    people = (plan.path.parent / "subscribers.csv").read_text().splitlines()[1:]
    for person in people:
        number, imei, *_ = person.split(",")
        assert number not in kept
        assert imei[:14] not in kept


def test_the_same_file_sent_again_makes_the_same_records_and_another_start_others(plan: ReplayPlan) -> None:
    first, again = _replay(plan), _replay(plan)
    assert first[1].data == again[1].data
    moved = _replay(replace(plan, start_ms=START + 86_400_000))
    assert moved[0].producer != first[0].producer
    assert _replay(replace(plan, speed=60.0))[0].producer != first[0].producer
    assert _replay(replace(plan, producer="probe-7"))[0].producer == "probe-7"


def test_malformed_lines_are_counted_and_kept_with_their_place(plan: ReplayPlan) -> None:
    result, _ = _replay(plan)
    kept = [json.loads(line) for line in plan.quarantine.read_text().splitlines()]
    assert result.quarantined == len(kept) == result.tally.fates["malformed"] > 0
    assert result.quarantine == str(plan.quarantine)
    assert all(problem["line"] > 0 and problem["mend"] for problem in kept)


def test_a_clean_file_leaves_no_quarantine_behind(tmp_path: Path) -> None:
    result, _ = _replay(ReplayPlan(SAMPLES / "canonical.jsonl", "signalling", tmp_path / "q.jsonl"))
    assert (result.quarantined, result.quarantine) == (0, "")
    assert not (tmp_path / "q.jsonl").exists()


def test_no_record_leaves_before_its_time_at_a_chosen_speed(plan: ReplayPlan) -> None:
    result, stream = _replay(replace(plan, speed=3_600.0))
    for at, record in zip(stream.times, stream.records(), strict=True):
        assert record.clock is not None
        assert at >= (record.clock - result.first_ts) / 3_600_000 - 0.051
    assert 23 < stream.now < 25


def test_nothing_waits_when_it_goes_as_fast_as_it_can(plan: ReplayPlan) -> None:
    assert _replay(plan)[1].now == 0.0


def test_a_rebased_file_begins_when_told(plan: ReplayPlan) -> None:
    result, _ = _replay(replace(plan, start_ms=START + 12_345))
    assert result.first_ts == START + 12_345


def test_traces_are_told_by_their_name_and_folded_into_a_day(tmp_path: Path) -> None:
    plan = ReplayPlan(SAMPLES / "traces.csv", "signalling", tmp_path / "q.jsonl", start_ms=START)
    result, _ = _replay(plan)
    assert (result.format, result.events, result.tally.rows) == ("traces", 6, 24)
    assert START <= result.first_ts <= result.last_ts < START + 86_400_000


@pytest.mark.skipif(not REAL.exists(), reason="the traces are not beside the project (../shared/data)")
def test_the_real_traces_are_replayed_and_accounted_for_to_the_row(tmp_path: Path) -> None:
    result, stream = _replay(ReplayPlan(REAL, "signalling", tmp_path / "q.jsonl", start_ms=START))
    assert sum(result.tally.fates.values()) == result.tally.rows == 139_718
    assert sum(len(record.events) for record in stream.records()) == result.events == result.tally.fates["sighting"]


def test_the_account_can_be_written_as_json(plan: ReplayPlan) -> None:
    result, _ = _replay(plan)
    document = json.loads(json.dumps(result.document()))
    assert document["rows"] == sum(document["fates"].values())
    assert document["ratio"] > 1
    assert document["events"] == result.events


def test_a_file_that_is_not_there_is_an_error_with_a_mend(plan: ReplayPlan, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="name a readable file"):
        _replay(replace(plan, path=tmp_path / "nothing.jsonl"))


def test_a_tee_never_overwrites_what_is_replayed(plan: ReplayPlan) -> None:
    before = plan.path.read_bytes()
    with pytest.raises(DocumentError, match="overwrite"):
        _replay(replace(plan, tee=plan.path.parent / ".." / plan.path.parent.name / plan.path.name))
    assert plan.path.read_bytes() == before


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("3600", 3600.0), ("0.5", 0.5)])
def test_speeds_are_numbers_above_zero_or_max(text: str, speed: float | None) -> None:
    assert parsed_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "inf", "nan", ""])
def test_any_other_speed_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no speed"):
        parsed_speed(text)


@pytest.mark.parametrize(
    ("text", "start"),
    [("none", None), ("now", 42), ("2026-11-02T00:00:00+00:00", START), ("2026-11-02T08:00:00+08:00", START)],
)
def test_a_start_is_none_now_or_a_time_with_its_offset(text: str, start: int | None) -> None:
    assert parsed_start(text, lambda: 42) == start


@pytest.mark.parametrize("text", ["2026-11-02T00:00:00", "tomorrow", ""])
def test_a_start_without_an_offset_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no start"):
        parsed_start(text, lambda: 42)
