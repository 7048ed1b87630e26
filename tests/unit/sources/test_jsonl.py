"""Canonical JSON lines: numbers become canonical, odd lines pass, malformed ones are set aside with a mend."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from cellwave.domain.errors import DocumentError
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave.domain.signalling import EVENT_TYPES, Event
from cellwave_ops.sources.events import Quarantine, SourceEvent, Tally
from cellwave_ops.sources.jsonl import JsonLines
from cellwave_ops.sources.lines import MAX_LINE

SAMPLES = Path(__file__).parents[3] / "events"
KEYS = Pseudonymizer("k1", b"0" * 32)
NUMBER = "999850000001"


def _read(path: Path, tmp_path: Path) -> tuple[list[SourceEvent], Tally, list[dict[str, object]]]:
    kept = tmp_path / "quarantine.jsonl"
    with Quarantine(kept) as quarantine:
        source = JsonLines(path, quarantine)
        events = list(source)
    problems = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    assert len(problems) == quarantine.lines
    assert sum(source.tally.fates.values()) == source.tally.rows
    return events, source.tally, problems


def test_every_type_of_event_is_read(tmp_path: Path) -> None:
    events, tally, problems = _read(SAMPLES / "canonical.jsonl", tmp_path)
    assert {event.type for event in events} == EVENT_TYPES
    assert {event.who for event in events} == {NUMBER}
    assert (tally.fates, problems) == (Counter(event=12), [])


def test_what_is_sent_of_an_event_holds_no_number_text_host_or_imei(tmp_path: Path) -> None:
    events, _, _ = _read(SAMPLES / "canonical.jsonl", tmp_path)
    sent = repr([event.minimised(KEYS) for event in events])
    for personal in ("99985", "10086", "YES", "shop.example", "001001010000012", "00100101000001"):
        assert personal not in sent
    assert "00100101" in sent


def test_an_event_never_shows_who_it_is_of() -> None:
    assert NUMBER not in repr(SourceEvent(NUMBER, 1, "power_on", imei="001001010000012"))


def test_numbers_are_normalised_and_pseudonyms_kept_in_the_order_of_the_file(tmp_path: Path) -> None:
    events, tally, problems = _read(SAMPLES / "canonical-odd-but-good.jsonl", tmp_path)
    assert {event.who for event in events} == {NUMBER, KEYS.of(NUMBER)}
    assert {event.minimised(KEYS).sub for event in events} == {KEYS.of(NUMBER)}
    first = events[0].ts
    assert [event.ts - first for event in events] == [0, 1, 2, 3, -5_000, -5_000, 4]
    assert (tally.fates, problems) == (Counter(event=7, blank=1), [])
    assert tally.notes == Counter(out_of_order=2, repeated=1)


def test_every_malformed_line_is_set_aside_with_line_reason_and_mend(tmp_path: Path) -> None:
    events, tally, problems = _read(SAMPLES / "canonical-malformed.jsonl", tmp_path)
    assert events == []
    assert tally.fates == Counter(malformed=20)
    assert [problem["line"] for problem in problems] == list(range(1, 21))
    assert all(problem["source"] == "canonical-malformed.jsonl" for problem in problems)
    assert all(problem["reason"] and problem["mend"] for problem in problems)
    paths = [problem["path"] for problem in problems[5:]]
    assert paths == ["$.sub"] * 4 + ["$.ts"] * 5 + ["$.type"] * 2 + ["$.cell"] * 4


def test_the_quarantine_holds_nothing_personal(tmp_path: Path) -> None:
    _read(SAMPLES / "canonical-malformed.jsonl", tmp_path)
    kept = (tmp_path / "quarantine.jsonl").read_text()
    assert "99985" not in kept
    assert "0850000001" not in kept


@pytest.mark.parametrize(
    "sub", ["353\u201385\u2013123\u20134567", "353 / 85 / 123 / 4567", "\\u0033538512345\\u0036\\u0037"]
)
@pytest.mark.parametrize(
    "rest", ['"type": "sms_sent"', '"type": 7, "text": "Mary, my PIN is 1234"', '"type": "Mary"', '"type"']
)
def test_however_a_number_or_a_text_is_written_the_quarantine_does_not_hold_it(
    sub: str, rest: str, tmp_path: Path
) -> None:
    line = f'{{"sub": "{sub}", "ts": 1790000000000, {rest}}}'
    file = tmp_path / "lines.jsonl"
    file.write_text(line + "\n")
    _, _, [problem] = _read(file, tmp_path)
    kept = str(problem).replace("1790000000000", "")
    assert not re.search(r"353|85|123|\\u|Mary|PIN", kept)
    assert problem["line"] == 1


def test_a_malformed_line_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    good = (SAMPLES / "canonical.jsonl").read_bytes().splitlines()
    bad = (SAMPLES / "canonical-malformed.jsonl").read_bytes().splitlines()
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_bytes(b"\n".join(line for pair in zip(good, bad, strict=False) for line in pair))
    events, tally, _ = _read(mixed, tmp_path)
    assert len(events) == len(good)
    assert tally.fates == Counter(event=12, malformed=12)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_packed_files_are_read_alike(suffix: str, tmp_path: Path) -> None:
    plain = (SAMPLES / "canonical.jsonl").read_bytes()
    packed = tmp_path / f"events.jsonl{suffix}"
    packed.write_bytes(gzip.compress(plain) if suffix == ".gz" else zstandard.compress(plain))
    assert _read(packed, tmp_path)[0] == _read(SAMPLES / "canonical.jsonl", tmp_path)[0]


def test_a_damaged_archive_gives_what_can_be_read_and_says_so(tmp_path: Path) -> None:
    lines = b'{"sub":"999850000001","ts":1,"type":"power_on"}\n' * 50_000
    damaged = tmp_path / "events.jsonl.gz"
    damaged.write_bytes(gzip.compress(lines)[:-40])
    events, tally, problems = _read(damaged, tmp_path)
    assert events
    assert tally.notes["damaged_archive"] == 1
    assert "damaged" in str(problems[-1]["reason"])


def test_a_line_without_end_is_bounded_and_the_next_one_is_read(tmp_path: Path) -> None:
    long = tmp_path / "long.jsonl"
    line = b'{"sub":"999850000001","ts":1,"type":"power_on"}\n'
    long.write_bytes(line + b'{"sub":"' + b"9" * (5 * MAX_LINE) + b'"}\n' + line)
    events, tally, problems = _read(long, tmp_path)
    assert len(events) == 2
    assert tally.fates == Counter(event=2, malformed=1)
    assert "longer than" in str(problems[0]["reason"])


def test_a_file_that_is_not_there_is_an_error_with_a_mend(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        _read(tmp_path / "nothing.jsonl", tmp_path)


def test_a_device_once_hashed_stays_as_it_is(tmp_path: Path) -> None:
    sent = tmp_path / "tee.jsonl"
    document = {"sub": KEYS.of(NUMBER), "ts": 1, "type": "device", "tac": "00100101", "device": "a" * 12}
    sent.write_text(json.dumps(document))
    (event,), _, _ = _read(sent, tmp_path)
    assert event.minimised(KEYS) == Event(KEYS.of(NUMBER), 1, "device", "", "00100101", "a" * 12)
