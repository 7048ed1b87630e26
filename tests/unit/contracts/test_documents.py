"""Documents: what a marketer may write, and what is said of the rest."""

import copy
import json
from pathlib import Path

import pytest

from cellwave.contracts.documents import (
    Known,
    load_areas,
    load_campaigns,
    load_flows,
    load_scripts,
    parse_areas,
    parse_campaigns,
    parse_flows,
    parse_scripts,
)
from cellwave.contracts.schemas import generate
from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign
from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.flow import ACTIVE_CHANNELS, PASSIVE_CHANNELS, PORTS

MALL = {
    "campaign": "ringback-mall",
    "product": "ringback-tone",
    "offer": "rbt-3-months-half-price",
    "targets": {"list": "ringback-2026-11"},
    "trigger": {"kind": "area_dwelled", "area": "tianhe-mall", "minutes": 20},
    "respond_within_hours": 24,
    "flow": "three-wave",
    "reentry": "once",
    "holdout_percent": 5,
    "priority": 50,
    "value": 12.0,
    "from": "2026-11-01T00:00:00+08:00",
    "until": "2026-12-01T00:00:00+08:00",
}
WAVE = {"kind": "wave", "channels": ["sms"], "script": "words", "window_hours": 24}


def mall(**changes) -> dict:
    document = {**copy.deepcopy(MALL), **changes}
    return {key: value for key, value in document.items() if value is not ...}


def flow(**nodes) -> dict:
    return {"flow": "f", "start": next(iter(nodes)), "nodes": nodes}


def wave(**changes) -> dict:
    return {**WAVE, **changes}


def problems_of(document, parse=parse_campaigns, known=None) -> tuple[Problem, ...]:
    text = document if isinstance(document, str) else json.dumps(document, indent=1)
    with pytest.raises(DocumentError) as refused:
        parse(text, "doc.json", **({"known": known} if known else {}))
    return refused.value.problems


def only(problems: tuple[Problem, ...]) -> Problem:
    (problem,) = problems
    return problem


def test_the_campaign_of_the_guide_becomes_a_campaign_of_the_domain():
    assert parse_campaigns(json.dumps(MALL), "doc.json") == [
        Campaign(
            name="ringback-mall",
            product="ringback-tone",
            offer="rbt-3-months-half-price",
            target_list="ringback-2026-11",
            trigger=AreaDwelled("tianhe-mall", 20),
            respond_within_hours=24,
            flow="three-wave",
            holdout_group="ringback-tone",
            reentry_hours=None,
            holdout_percent=5.0,
            priority=50,
            value=12.0,
            starts=1_793_462_400_000,
            ends=1_796_054_400_000,
        )
    ]


def test_what_may_be_left_out_has_its_default():
    optional = dict.fromkeys(("reentry", "holdout_percent", "priority", "value", "from", "until"), ...)
    (campaign,) = parse_campaigns(json.dumps(mall(**optional)), "doc.json")

    assert (campaign.reentry_hours, campaign.holdout_percent, campaign.starts, campaign.ends) == (None, 0, None, None)


def test_reentry_hours_and_a_holdout_group_are_taken_over():
    document = mall(
        reentry={"hours": 12}, holdout_group="all-tones", trigger={"kind": "area_entered", "area": "tianhe-mall"}
    )
    (campaign,) = parse_campaigns(json.dumps(document), "doc.json")

    assert (campaign.reentry_hours, campaign.holdout_group) == (12, "all-tones")
    assert campaign.trigger == AreaEntered("tianhe-mall")


def test_a_file_may_hold_one_document_or_an_array_of_them(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps(mall(campaign="single")))
    (tmp_path / "a.json").write_text("\ufeff" + json.dumps([mall(campaign="one"), mall(campaign="two")]))
    (tmp_path / ".#b.json").write_text("what an editor leaves behind")
    (tmp_path / "notes.txt").write_text("no document")

    assert [campaign.name for campaign in load_campaigns(tmp_path)] == ["one", "two", "single"]


@pytest.mark.parametrize(
    ("changes", "path", "reason", "mend"),
    [
        ({"from": "2026-11-01T00:00:00"}, "$.from", "without an offset", "+08:00"),
        ({"from": "2026-11-01"}, "$.from", "without an offset", "+08:00"),
        ({"until": "soon"}, "$.until", "ISO 8601", "+08:00"),
        ({"until": 1_796_054_400_000}, "$.until", "in double quotes", "+08:00"),
        ({"until": "2026-11-01T00:00:00+08:00"}, "$.until", 'not after "from"', "later"),
        ({"respond_within_hours": 23}, "$.respond_within_hours", "1, 12, 24 or 48", "1, 12, 24 or 48"),
        ({"respond_within_hours": True}, "$.respond_within_hours", "whole number", "1, 12, 24 or 48"),
        ({"respond_within_hours": 24.0}, "$.respond_within_hours", "whole number", "1, 12, 24 or 48"),
        ({"reentry": "twice"}, "$.reentry", '"once" or', '"once" or'),
        ({"reentry": {"hours": 0}}, "$.reentry.hours", "at least 1", "at least 1"),
        ({"holdout_percent": 101}, "$.holdout_percent", "at most 100", "at most 100"),
        ({"holdout_percent": -1}, "$.holdout_percent", "at least 0", "at least 0"),
        ({"holdout_percent": "5"}, "$.holdout_percent", "a number", "a number"),
        ({"campaign": "Ringback Mall"}, "$.campaign", "1 to 64 letters", '"Ringback-Mall"'),
        ({"campaign": "a" * 65}, "$.campaign", "1 to 64", "write"),
        ({"campaign": "line\n"}, "$.campaign", "1 to 64 letters", '"line"'),
        ({"campaign": "../天河 商场"}, "$.campaign", "1 to 64 letters", r'"\u5929\u6cb3-\u5546\u573a"'),
        ({"offer": "half\u202eprice"}, "$.offer", "spaces", '"half-price"'),
        ({"produkt": "x"}, "$.produkt", "unknown field", 'did you mean "product"?'),
        ({"offer": ...}, "$.offer", "missing", 'add "offer"'),
        ({"trigger": ...}, "$.trigger", "not supported yet", "add a trigger"),
        ({"trigger": {"area": "m"}}, "$.trigger", '"kind" is missing', 'add "kind"'),
        ({"trigger": {"kind": "area_entred", "area": "m"}}, "$.trigger", "expected", 'did you mean "area_entered"?'),
        ({"trigger": {"kind": "area_entered", "area": "m", "minutes": 5}}, "$.trigger.minutes", "unknown", "remove it"),
    ],
)
def test_what_is_wrong_with_a_campaign_has_place_reason_and_mend(changes, path, reason, mend):
    problem = only(problems_of(mall(**changes)))

    assert problem.path == path
    assert reason in problem.reason
    assert mend in problem.mend
    assert problem.line >= 1


@pytest.mark.parametrize(
    "name", ["Ringback.Mall_2026-11", "天河商场", "Καφές", "café", "cafe\u0301", "हिन्दी", "7", "x" * 64]
)
def test_names_are_in_any_alphabet_and_case(name):
    written = {"campaign": name, "product": name, "offer": name, "targets": {"list": name}, "flow": name}
    document = mall(**written, trigger={"kind": "area_entered", "area": name}, holdout_group=name)
    [read] = parse_campaigns(json.dumps(document), "here.json")

    assert {read.name, read.product, read.offer, read.target_list, read.flow, read.holdout_group} == {name}
    assert parse_areas(json.dumps({name: ["c"]}), "here.json") == {name: frozenset({"c"})}
    assert parse_scripts(json.dumps({"scripts": {name: "Hi"}}), "here.json") == {name: "Hi"}


def test_products_and_offers_may_have_spaces_in_their_names():
    [read] = parse_campaigns(json.dumps(mall(product="Ringback Tone", offer="3 months half price")), "here")

    assert (read.product, read.offer) == ("Ringback Tone", "3 months half price")


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", ".a", "-a", "_a", "a/b", "a\\b", "a\0", "a\t", "a\u200b", "a\u2028", "🏬", "a:b", "\u0301a"],
)
@pytest.mark.parametrize("field", ["campaign", "flow", "product", "offer"])
def test_what_parts_a_path_or_hides_is_no_part_of_a_name(name, field):
    if name == "a b" and field in ("product", "offer"):
        name = "a "

    assert only(problems_of(mall(**{field: name}))).path == f"$.{field}"


@pytest.mark.parametrize("minutes", [0, 2881, 1.5, True, "20"])
def test_a_dwell_lasts_1_to_2880_whole_minutes(minutes):
    trigger = {"kind": "area_dwelled", "area": "tianhe-mall", "minutes": minutes}

    assert only(problems_of(mall(trigger=trigger))).path == "$.trigger.minutes"


@pytest.mark.parametrize(
    "kind",
    [
        "area_visited",
        "device_changed",
        "roaming_started",
        "roaming_for",
        "forwarded_then_powered_on",
        "called",
        "texted",
        "browsed",
        "powered_on",
        "sequence",
        "absent",
    ],
)
def test_triggers_that_are_to_come_are_refused_as_not_supported_yet(kind):
    problem = only(problems_of(mall(trigger={"kind": kind, "hours": 2})))

    assert problem.path == "$.trigger"
    assert problem.reason == f'"{kind}" is not supported yet'
    assert "area_entered or area_dwelled" in problem.mend


def test_a_segment_is_refused_as_not_supported_yet():
    problems = problems_of(mall(targets={"segment": "young"}))

    assert ("$.targets.segment", '"segment" is not supported yet') in [(p.path, p.reason) for p in problems]


@pytest.mark.parametrize(
    ("known", "path", "nearest"),
    [
        (Known(areas=["tianhe-mal", "station"]), "$.trigger.area", "tianhe-mal"),
        (Known(lists=["ringback-2026-10", "data"]), "$.targets.list", "ringback-2026-10"),
        (Known(flows=["three-waves", "one"]), "$.flow", "three-waves"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_right_one(known, path, nearest):
    problem = only(problems_of(MALL, known=known))

    assert (problem.path, problem.mend) == (path, f'did you mean "{nearest}"?')


def test_all_problems_come_at_once_in_the_order_of_files_and_lines(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([mall(offer=..., flow=3), mall(value=-1)], indent=1))
    (tmp_path / "b.json").write_text('{"campaign":\n nothing}')
    (tmp_path / "c.json").write_bytes(b'{\n"campaign": "\xff"}')

    with pytest.raises(DocumentError) as refused:
        load_campaigns(tmp_path)

    places = [(Path(p.source).name, p.line, p.path) for p in refused.value.problems]
    assert places == [
        ("a.json", 2, "$[0].offer"),
        ("a.json", 14, "$[0].flow"),
        ("a.json", 39, "$[1].value"),
        ("b.json", 2, "$.campaign"),
        ("c.json", 2, ""),
    ]


def test_two_campaigns_of_one_name_are_refused_even_in_two_files(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(MALL))
    (tmp_path / "b.json").write_text(json.dumps(MALL))

    with pytest.raises(DocumentError, match=r'b\.json:1: \$\.campaign: a second campaign "ringback-mall".*a\.json:1'):
        load_campaigns(tmp_path)


def test_a_key_that_comes_twice_is_refused_at_its_second_line():
    text = json.dumps(MALL, indent=1)[:-2] + ',\n "offer": "other"}'
    problem = only(problems_of(text))

    assert (problem.path, problem.reason, problem.line) == ("$.offer", "the key comes twice", text.count("\n") + 1)


def test_a_folder_that_is_missing_or_empty_is_told(tmp_path):
    for folder, reason in ((tmp_path / "nowhere", "no such folder"), (tmp_path, r"holds no \*\.json")):
        with pytest.raises(DocumentError, match=reason):
            load_campaigns(folder)


def test_the_flow_of_the_guide_becomes_a_flow_of_the_domain(tmp_path):
    document = flow(
        text=wave(next={"considering": "counter", "no_response": "counter", "undeliverable": "call"}),
        counter=wave(channels=["counter", "hotline", "web"], window_hours=72, next={"no_response": "call"}),
        call=wave(channels=["outbound_call"], attempts=2),
    )
    (tmp_path / "flow.json").write_text(json.dumps(document))

    (parsed,) = load_flows(tmp_path, version=7)

    assert (parsed.key, parsed.start, list(parsed.waves)) == ("f@7", "text", ["text", "counter", "call"])
    assert parsed.waves["counter"].channels == ("counter", "hotline", "web")
    assert not parsed.waves["counter"].is_active
    assert (parsed.waves["call"].attempts, parsed.waves["text"].attempts) == (2, 1)
    assert parsed.waves["text"].next["undeliverable"] == "call"


@pytest.mark.parametrize("channels", [[*PASSIVE_CHANNELS], *([channel] for channel in ACTIVE_CHANNELS)])
def test_a_wave_has_exactly_one_active_channel_or_passive_ones(channels):
    assert parse_flows(json.dumps(flow(a=wave(channels=channels))), "f.json")


@pytest.mark.parametrize(
    ("node", "path", "reason"),
    [
        (wave(channels=["sms", "push"]), "$.nodes.a.channels", "an active channel together with another"),
        (wave(channels=["sms", "web"]), "$.nodes.a.channels", "an active channel together with another"),
        (wave(channels=["web", "web"]), "$.nodes.a.channels[1]", "comes twice"),
        (wave(channels=["smss"]), "$.nodes.a.channels[0]", "unknown channel"),
        (wave(channels=[]), "$.nodes.a.channels", "not fewer than 1"),
        (wave(window_hours=0), "$.nodes.a.window_hours", "at least 1"),
        (wave(window_hours=721), "$.nodes.a.window_hours", "at most 720"),
        (wave(attempts=0), "$.nodes.a.attempts", "at least 1"),
        (wave(attempts=6), "$.nodes.a.attempts", "at most 5"),
        (wave(next={"no_respons": "a"}), "$.nodes.a.next.no_respons", "unknown port"),
        (wave(next={"no_response": "b"}), "$.nodes.a.next.no_response", "unknown node"),
        (wave(next={"no_response": "a"}), "$.nodes.a.next.no_response", "a circle"),
        ({"kind": "wait", "until": "tomorrow"}, "$.nodes.a.kind", '"wait" is not supported yet'),
        ({"kind": "branch"}, "$.nodes.a.kind", '"branch" is not supported yet'),
    ],
)
def test_what_is_wrong_with_a_node_has_its_place(node, path, reason):
    found = [problem for problem in problems_of(flow(a=node), parse_flows) if problem.path == path]

    assert reason in found[0].reason
    assert found[0].mend


def test_every_port_may_lead_on():
    document = flow(a=wave(next=dict.fromkeys(PORTS, "b")), b=WAVE)

    assert len(parse_flows(json.dumps(document), "f.json")[0].waves["a"].next) == len(PORTS)


def test_every_node_is_reached_from_the_start():
    problem = only(problems_of(flow(a=WAVE, island=WAVE), parse_flows))

    assert (problem.path, problem.reason) == ("$.nodes.island", "no path leads here from the start")


def test_a_circle_of_several_nodes_is_refused():
    document = flow(a=wave(next={"considering": "b"}), b=wave(next={"considering": "c"}), c=wave(next={"refused": "b"}))

    assert [p.path for p in problems_of(document, parse_flows)] == [
        "$.nodes.b.next.considering",
        "$.nodes.c.next.refused",
    ]


def test_the_start_is_a_node():
    problem = only(problems_of({**flow(text=WAVE), "start": "txt"}, parse_flows))

    assert (problem.path, problem.mend) == ("$.start", 'did you mean "text"?')


@pytest.mark.parametrize("node", ["a" * 33, "é", "a b", "a.b", "-a"])
def test_a_node_id_is_short_enough_for_an_execution_name(node):
    assert "1 to 32" in only(problems_of(flow(**{node: WAVE}), parse_flows)).reason


def test_a_script_must_exist_where_scripts_are_given():
    problem = only(problems_of(flow(a=WAVE), parse_flows, Known(scripts=["word"])))

    assert (problem.path, problem.mend) == ("$.nodes.a.script", 'did you mean "word"?')


def test_areas_and_scripts_are_read(tmp_path):
    (tmp_path / "areas.json").write_text('{"mall": ["460-00-40122-10805003", "c", "c"]}')
    (tmp_path / "scripts.json").write_text('{"scripts": {"rbt-sms": "Half price!"}}')

    assert load_areas(tmp_path / "areas.json") == {"mall": frozenset({"460-00-40122-10805003", "c"})}
    assert load_scripts(tmp_path / "scripts.json") == {"rbt-sms": "Half price!"}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"mall": []}', "$.mall"),
        ('{"Mall/1": ["c"]}', '$["Mall/1"]'),
        ('{"mall": ["a b"]}', "$.mall[0]"),
        ("[]", "$"),
        ("{}", "$"),
    ],
)
def test_an_area_has_a_name_and_at_least_one_cell(text, path):
    assert only(problems_of(text, parse_areas)).path == path


@pytest.mark.parametrize(("text", "path"), [('{"scripts": {"a": ""}}', "$.scripts.a"), ('{"a": "b"}', "$.a")])
def test_a_script_has_words(text, path):
    assert path in [problem.path for problem in problems_of(text, parse_scripts)]


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(DocumentError, match="cannot be read"):
        load_areas(tmp_path / "areas.json")


def test_the_published_schemas_are_those_of_the_models():
    """After a change of the models: python -m cellwave.contracts.schemas."""
    import cellwave.contracts.schemas as package

    folder = Path(package.__file__).parent

    assert {file.name: file.read_text() for file in folder.glob("*.json")} == generate()
