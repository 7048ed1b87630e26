"""Events as JSON lines."""

import gzip
import json
from typing import get_args, get_type_hints

import pytest
import zstandard

from cellwave.contracts import event_lines
from cellwave.contracts.event_lines import MAX_TS, EventLine, read_events
from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.signalling import EVENT_TYPES, Event

SOUND = {"sub": "anna", "ts": 5, "type": "sighting", "cell": "c"}


def read(file) -> tuple[list[Event], list[Problem]]:
    problems: list[Problem] = []
    return list(read_events(file, problems.append)), problems


def write(folder, *lines: object, name: str = "e.jsonl"):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    raw = text.encode()
    packed = {".gz": gzip.compress, ".zst": zstandard.compress}.get("." + name.rsplit(".", 1)[1], bytes)(raw)  # type: ignore[operator]
    (folder / name).write_bytes(packed)
    return folder / name


def test_the_types_of_the_file_form_are_those_of_the_domain():
    assert frozenset(get_args(get_type_hints(EventLine)["type"])) == EVENT_TYPES


@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz", "e.jsonl.zst"])
def test_plain_gzipped_and_zstd_files_are_read_alike(tmp_path, name):
    file = write(tmp_path, *({**SOUND, "ts": number} for number in range(1, 5_000)), name=name)

    events, problems = read(file)

    assert [event.ts for event in events] == list(range(1, 5_000))
    assert events[0] == Event("anna", 1, "sighting", "c")
    assert problems == []


def test_a_field_that_is_null_is_as_good_as_absent_as_it_is_to_replay(tmp_path):
    nothing = {"cell": None, "imei": None, "plmn": None, "tac": None, "device": None, "text": None}
    file = write(tmp_path, {**SOUND, "type": "web", **nothing}, {**SOUND, **nothing})

    events, problems = read(file)

    assert events == [Event("anna", 5, "web")]
    assert [(problem.path, problem.reason) for problem in problems] == [("$.cell", "a sighting without a cell")]


def test_frames_of_zstd_one_after_another_are_one_file(tmp_path):
    file = tmp_path / "e.zst"
    file.write_bytes(b"".join(zstandard.compress(json.dumps(SOUND).encode() + b"\n") for _ in range(3)))

    assert len(read(file)[0]) == 3


@pytest.mark.parametrize("name", ["e.jsonl.gz", "e.jsonl.zst"])
@pytest.mark.parametrize("damage", ["cut", "noise", "tail"])
def test_a_broken_archive_is_told_and_not_taken_for_the_end_of_the_file(tmp_path, name, damage):
    file = write(tmp_path, *({**SOUND, "ts": number} for number in range(1, 5_000)), name=name)
    packed = file.read_bytes()
    file.write_bytes({"cut": packed[:-9], "noise": b"x" + packed[1:], "tail": packed + b"tail"}[damage])

    with pytest.raises(DocumentError, match="broken archive"):
        read(file)


def test_windows_line_ends_empty_lines_and_a_byte_order_mark_are_no_problem(tmp_path):
    line = json.dumps(SOUND)
    file = write(tmp_path, "\ufeff" + line + "\r", "", "  \r", line)

    assert [len(part) for part in read(file)] == [2, 0]


def test_unknown_fields_are_allowed_in_files(tmp_path):
    file = write(tmp_path, {**SOUND, "imei": "35", "device": {"a": 1}, "number": None})

    assert read(file) == ([Event("anna", 5, "sighting", "c")], [])


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"sub": ...}, "$.sub", "missing"),
        ({"sub": ""}, "$.sub", "not empty"),
        ({"sub": 353851234567}, "$.sub", "as text"),
        ({"ts": ...}, "$.ts", "missing"),
        ({"ts": True}, "$.ts", "whole number"),
        ({"ts": 5.0}, "$.ts", "whole number"),
        ({"ts": "5"}, "$.ts", "whole number"),
        ({"ts": 0}, "$.ts", "above 0"),
        ({"ts": MAX_TS}, "$.ts", "below"),
        ({"type": ...}, "$.type", "missing"),
        ({"type": "sightings"}, "$.type", "unknown event type"),
        ({"type": ["sighting"]}, "$.type", "unknown event type"),
        ({"cell": 7}, "$.cell", "as text"),
        ({"cell": ...}, "$.cell", "without a cell"),
        ({"cell": ""}, "$.cell", "without a cell"),
    ],
)
def test_a_bad_line_goes_to_on_bad_with_its_place_and_matching_continues(tmp_path, changes, path, reason):
    bad = {key: value for key, value in {**SOUND, **changes}.items() if value is not ...}
    file = write(tmp_path, SOUND, bad, SOUND)

    events, (problem,) = read(file)

    assert len(events) == 2
    assert (problem.source, problem.line, problem.path) == (str(file), 2, path)
    assert reason in problem.reason
    assert problem.mend


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", "3", '{"sub": "\\ud800", "ts": 1}', "{" * 9000, "[" * 200_000, '"' * 3]
)
def test_a_line_that_is_no_json_object_is_told(tmp_path, line):
    events, (problem,) = read(write(tmp_path, SOUND, line, SOUND))

    assert (len(events), problem.line) == (2, 2)


def test_a_line_that_is_not_utf_8_is_told(tmp_path):
    file = tmp_path / "e.jsonl"
    file.write_bytes(b'{"sub": "\xff", "ts": 1, "type": "web"}\n')

    assert read(file)[1][0].reason == "not UTF-8"


def test_a_line_of_any_length_is_told_without_being_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(event_lines, "MAX_LINE", 40_000)
    file = write(tmp_path, SOUND, {**SOUND, "more": "x" * 200_000}, SOUND)

    events, (problem,) = read(file)

    assert (len(events), problem.line, problem.reason) == (2, 2, "a line longer than 40000 bytes")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DocumentError, match="cannot be read"):
        read(tmp_path / "e.jsonl")
