"""Thousands of broken variants of every document: accepted or refused with place, reason and mend, never worse."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.naive.breakage import broken_texts, broken_values

from cellwave.contracts.documents import Known, parse_areas, parse_campaigns, parse_flows, parse_scripts
from cellwave.contracts.event_lines import read_events
from cellwave.contracts.list_files import LIST_SUFFIXES, load_list
from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.rules import Rules

CAMPAIGN = {
    "campaign": "ringback-mall", "product": "ringback-tone", "offer": "half-price", "targets": {"list": "ringback"},
    "trigger": {"kind": "area_dwelled", "area": "tianhe-mall", "minutes": 20}, "respond_within_hours": 24,
    "flow": "three-wave", "reentry": {"hours": 12}, "holdout_percent": 5, "holdout_group": "tones", "priority": 50,
    "value": 12.0, "from": "2026-11-01T00:00:00+08:00", "until": "2026-12-01T00:00:00+08:00",
}  # fmt: skip
ENTERED = {
    "campaign": "enter", "product": "p", "offer": "o", "targets": {"list": "ringback"},
    "trigger": {"kind": "area_entered", "area": "tianhe-mall"}, "respond_within_hours": 1, "flow": "three-wave",
}  # fmt: skip
FLOW = {
    "flow": "three-wave",
    "start": "text",
    "nodes": {
        "text": {
            "kind": "wave", "channels": ["sms"], "script": "rbt-sms", "window_hours": 24,
            "next": {"considering": "counter", "no_response": "counter", "undeliverable": "call"},
        },
        "counter": {
            "kind": "wave", "channels": ["counter", "hotline", "web"], "script": "rbt-counter", "window_hours": 72,
            "next": {"considering": "call", "no_response": "call"},
        },
        "call": {
            "kind": "wave", "channels": ["outbound_call"], "script": "rbt-call", "window_hours": 48, "attempts": 2,
        },
    },
}  # fmt: skip
AREAS = {"tianhe-mall": ["460-00-40122-10805003", "460-00-40122-10805004"], "station": ["c"]}
SCRIPTS = {"scripts": {"rbt-sms": "Half price: answer 1.", "rbt-counter": "Offer it.", "rbt-call": "Call."}}
KNOWN = Known(areas=AREAS, lists=["ringback"], flows=["three-wave"], scripts=SCRIPTS["scripts"])
EVENT = {"sub": "353851234567", "ts": 1_760_000_000_000, "type": "sighting", "cell": "c", "plmn": "46000", "more": [1]}

DOCUMENTS = {
    "campaign": (CAMPAIGN, lambda text: parse_campaigns(text, "here.json", KNOWN)),
    "campaigns": ([CAMPAIGN, ENTERED], lambda text: parse_campaigns(text, "here.json", KNOWN)),
    "flow": (FLOW, lambda text: parse_flows(text, "here.json", 1, KNOWN)),
    "areas": (AREAS, lambda text: parse_areas(text, "here.json")),
    "scripts": (SCRIPTS, lambda text: parse_scripts(text, "here.json")),
}


def attempt(read, given) -> tuple[Any, tuple[Problem, ...]]:
    """Return what was read, or the problems: one of both, any other exception rises."""
    try:
        return read(given), ()
    except DocumentError as error:
        assert error.problems  # noqa: PT017
        return None, error.problems


def check(problem: Problem, source: str) -> None:
    assert problem.source == source
    assert problem.reason
    assert problem.mend
    assert problem.line >= 1
    assert str(problem).isascii()


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_sound_document_is_accepted(kind):
    document, parse = DOCUMENTS[kind]

    assert parse(json.dumps(document))


@pytest.mark.parametrize("kind", DOCUMENTS)
@settings(max_examples=800, deadline=None)
@given(data=st.data())
def test_a_broken_document_is_accepted_or_refused_with_place_reason_and_mend(kind, data):
    document, parse = DOCUMENTS[kind]
    text = data.draw(st.one_of(broken_values(document), broken_texts(document)))

    accepted, problems = attempt(parse, text)

    for problem in problems:
        check(problem, "here.json")
    if accepted and kind.startswith("campaign"):
        Rules.compile(accepted, AREAS)


@settings(max_examples=3000, deadline=None)
@given(st.lists(st.one_of(broken_values(EVENT), broken_texts(EVENT)), min_size=1, max_size=3))
def test_a_broken_event_line_is_read_or_left_out_with_its_reason_and_delays_nobody(tmp_path_factory, lines):
    file = tmp_path_factory.getbasetemp() / "events.jsonl"
    sound = json.dumps(EVENT)
    texts = [line.replace("\n", " ") for line in lines]
    file.write_bytes("\n".join([sound, *texts, sound]).encode(errors="surrogatepass"))
    problems: list[Problem] = []

    events = list(read_events(file, problems.append))

    assert events[0].sub == events[-1].sub == "353851234567"
    assert len(events) + len(problems) == 2 + sum(bool(text.encode(errors="replace").strip()) for text in texts)
    for problem in problems:
        check(problem, str(file))
        assert 2 <= problem.line <= len(texts) + 1
        assert "353851234567" not in str(problem)
    for event in events:
        assert event.ts > 0
        event.sub.encode()
        event.cell.encode()


@settings(max_examples=1000, deadline=None)
@given(broken_texts("sub,score"), st.lists(st.binary(max_size=8), max_size=3), st.sampled_from(LIST_SUFFIXES))
def test_a_broken_list_file_is_read_or_refused_with_its_reason(tmp_path_factory, header, rows, suffix):
    file = tmp_path_factory.getbasetemp() / f"list{suffix}"
    file.write_bytes(header.strip('"').encode(errors="surrogatepass") + b"\n353851234567,1\n" + b"\n".join(rows))

    subs, problems = attempt(load_list, file)

    assert subs is None or "" not in subs
    for problem in problems:
        assert problem.source == str(file)
        assert problem.reason
        assert problem.mend
        assert "353851234567" not in str(problem)
