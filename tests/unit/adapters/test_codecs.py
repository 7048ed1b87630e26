"""What is stored reads back as it was, and equal things have equal bytes."""

from dataclasses import fields, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwave.adapters.dynamodb.pages import decode_page, encode_page
from cellwave.contracts.journey import decode_journey, encode_journey
from cellwave.contracts.ruleset import decode_ruleset, encode_ruleset
from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign
from cellwave.domain.flow import Flow, Wave
from cellwave.domain.journey import Journey, Step
from cellwave.domain.pages import Page
from cellwave.domain.ruleset import ListVersion, Ruleset

texts = st.text(max_size=20)
times = st.integers(0, 253_402_300_799_999)
floats = st.floats(0, 1e12, allow_nan=False)
journeys = st.builds(
    Journey,
    trigger_ts=times,
    due=times,
    respond_by=times,
    interest=times,
    attempt=st.integers(1, 255),
    revision=st.integers(0, 1000),
    steps=st.lists(st.builds(Step, attempts=st.integers(1, 255)), max_size=4).map(tuple),
)
campaigns = st.builds(
    Campaign,
    trigger=st.one_of(
        st.builds(AreaEntered, area=texts), st.builds(AreaDwelled, area=texts, minutes=st.integers(1, 2880))
    ),
    respond_within_hours=st.integers(1, 48),
    reentry_hours=st.none() | st.integers(1, 9999),
    holdout_percent=floats,
    value=floats,
    priority=st.integers(-1000, 1000),
    starts=st.none() | times,
    ends=st.none() | times,
    counts_from=st.none() | times,
)
flows = st.builds(
    Flow,
    version=st.integers(1, 99),
    waves=st.dictionaries(
        texts,
        st.builds(
            Wave,
            channels=st.lists(texts, max_size=3).map(tuple),
            window_hours=st.integers(1, 999),
            attempts=st.integers(1, 9),
            next=st.dictionaries(texts, texts, max_size=3),
        ),
        max_size=3,
    ),
)
rulesets = st.builds(
    Ruleset,
    version=st.integers(1, 999_999),
    campaigns=st.dictionaries(texts, campaigns, max_size=3),
    areas=st.dictionaries(texts, st.frozensets(texts, max_size=5), max_size=3),
    flows=st.dictionaries(texts, flows, max_size=3),
    current=st.dictionaries(texts, texts, max_size=3),
    scripts=st.dictionaries(texts, texts, max_size=3),
    lists=st.dictionaries(
        texts, st.builds(ListVersion, version=st.integers(1, 99), count=st.integers(0, 10**8)), max_size=3
    ),
)
pages = st.builds(
    Page,
    partition=st.integers(0, 4095),
    version=st.integers(0, 10**9),
    positions=st.dictionaries(texts, st.integers(0, 2**186), max_size=3),
    subscribers=st.dictionaries(texts, st.dictionaries(texts, st.lists(times, max_size=2), max_size=3), max_size=80),
)


@given(journeys)
def test_a_journey_reads_back_as_it_was(journey: Journey) -> None:
    assert decode_journey(encode_journey(journey), journey.revision) == journey


@given(journeys)
def test_a_journey_s_form_does_not_depend_on_its_revision(journey: Journey) -> None:
    assert encode_journey(journey) == encode_journey(replace(journey, revision=journey.revision + 1))


def test_a_journey_s_form_has_sorted_keys_and_no_defaults() -> None:
    journey = Journey("j", "s", "c", "p", "f@1", 1, "in", "text", "text-a", 3, 2, "queued")
    assert encode_journey(journey) == (
        '{"campaign":"c","due":3,"flow":"f@1","id":"j","node":"text","product":"p","respond_by":2,'
        '"state":"in","sub":"s","touch":"queued","trigger_ts":1,"wave":"text-a"}'
    )
    moved = replace(journey, steps=(Step("text", "no_response", "sent", 1),))
    assert '"steps":[{"attempts":1,"node":"text","port":"no_response","touch":"sent"}]' in encode_journey(moved)


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"id": 1}'])
def test_what_is_no_journey_is_refused(document: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_journey(document, 1)


@given(rulesets)
def test_a_ruleset_reads_back_as_it_was(ruleset: Ruleset) -> None:
    assert decode_ruleset(encode_ruleset(ruleset)) == ruleset


def test_a_ruleset_read_back_is_made_of_the_domain_s_own_types() -> None:
    campaign = Campaign("c", "p", "o", "l", AreaDwelled("a", 20), 24, "f", "p")
    ruleset = Ruleset(1, campaigns={"c": campaign}, areas={"a": frozenset({"1"})})
    read = decode_ruleset(encode_ruleset(ruleset))
    assert type(read.campaigns["c"]) is Campaign
    assert type(read.campaigns["c"].trigger) is AreaDwelled
    assert type(read.areas["a"]) is frozenset
    assert all(getattr(read.campaigns["c"], field.name) == getattr(campaign, field.name) for field in fields(Campaign))


def test_equal_rulesets_have_equal_bytes_in_whatever_order_they_were_made() -> None:
    cells = [f"460-00-1-{number}" for number in range(100)]
    one = Ruleset(1, areas={"a": frozenset(cells), "b": frozenset()}, scripts={"x": "1", "y": "2"})
    other = Ruleset(1, areas={"b": frozenset(), "a": frozenset(reversed(cells))}, scripts={"y": "2", "x": "1"})
    assert encode_ruleset(one) == encode_ruleset(other)


@pytest.mark.parametrize("kind", ['"area_visited"', "null", "[]"])
def test_a_trigger_of_a_kind_that_this_version_does_not_know_is_refused(kind: str) -> None:
    ruleset = Ruleset(1, campaigns={"c": Campaign("c", "p", "o", "l", AreaEntered("a"), 24, "f", "p")})
    stored = encode_ruleset(ruleset).replace(b'"area_entered"', kind.encode())
    with pytest.raises(msgspec.ValidationError):
        decode_ruleset(stored)


@given(pages)
def test_a_page_reads_back_as_it_was(page: Page) -> None:
    assert decode_page(page.partition, page.version, encode_page(page)) == page


def test_a_large_page_is_compressed_and_a_small_one_is_not() -> None:
    stay = {"mall": [1_763_800_000_000, 0]}
    large = Page(1, subscribers={f"k1-{number:022d}": stay for number in range(500)})
    assert len(encode_page(large)) < len(msgspec.msgpack.encode(large.subscribers)) / 4
    small = Page(1, subscribers={"k1-AAAAAAAAAAAAAAAAAAAAAA": stay})
    assert b"k1-AAAAAAAAAAAAAAAAAAAAAA" in encode_page(small)
