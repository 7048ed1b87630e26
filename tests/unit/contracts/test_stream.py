"""The stream's two forms: what goes in comes out, and nothing that comes in can stop the matcher."""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwave.contracts.stream import (
    MAX_DECOMPRESSED,
    MAX_EVENTS,
    MAX_ONE_EVENT,
    decode_record,
    encode_record,
    unnumbered,
)
from cellwave.domain.identifiers import LANES, lane_of, partition_of
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave.domain.signalling import EVENT_TYPES, POWER_OFF, Event, Record

KEYS = Pseudonymizer("k1", b"0" * 32)
CLOCK = 1_763_800_000_000


def _subscribers(lane: int, count: int) -> list[str]:
    found: list[str] = []
    number = 353_850_000_000
    while len(found) < count:
        sub = KEYS.of(str(number))
        number += 1
        if lane_of(partition_of(sub)) == lane:
            found.append(sub)
    return found


SUBS = {lane: _subscribers(lane, 3) for lane in (0, 17, 63)}
A, B, C = SUBS[17]


def _pack(document: object) -> bytes:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return b"\x01" + zstandard.compress(raw)


def _envelope(events: Sequence[object], **changed: object) -> dict[str, object]:
    return {
        "producer": "p",
        "number": 1,
        "lane": 17,
        "clock": CLOCK,
        "tick": False,
        "events": events,
    } | changed


def _decode(events: Sequence[object], **changed: object) -> Record:
    return decode_record(_pack(_envelope(events, **changed)), 5)


texts = st.text(st.characters(codec="utf-8"), max_size=16)


@st.composite
def records(draw: st.DrawFn) -> Record:
    lane = draw(st.sampled_from(sorted(SUBS)))
    events = draw(
        st.lists(
            st.builds(
                Event,
                st.sampled_from(SUBS[lane]),
                st.integers(1, 10**14),
                st.sampled_from(sorted(EVENT_TYPES)),
                texts.filter(bool),
                texts,
                texts,
                texts,
            ),
            max_size=20,
        )
    )
    tick = not events and draw(st.booleans())
    producer = draw(texts)
    number = draw(st.integers(1, 2**53 - 1))
    return Record(7, lane, producer, number, draw(st.integers(1, 10**14)), tick, tuple(events))


@settings(deadline=None)
@given(records())
def test_what_is_encoded_is_decoded(record: Record) -> None:
    assert record.clock is not None
    data = encode_record(record.producer, record.number, record.lane, record.clock, record.tick, record.events)
    assert decode_record(data, 7) == record


def test_trailing_empty_fields_of_an_event_are_left_out() -> None:
    data = encode_record("p", 1, 17, CLOCK, events=[Event(A, 1, POWER_OFF), Event(A, 2, "roam", plmn="20801")])
    document = json.loads(zstandard.decompress(data[1:]))
    assert document["events"] == [[A, 1, POWER_OFF], [A, 2, "roam", "", "", "", "20801"]]


def test_a_tick_has_a_clock_and_no_events() -> None:
    assert decode_record(encode_record("p", 3, 5, CLOCK, tick=True), 1) == Record(1, 5, "p", 3, CLOCK, True)


def test_one_event_records_are_accepted_and_their_lane_is_the_subscribers() -> None:
    data = json.dumps({"sub": A, "ts": 5, "type": "sighting", "cell": "272-03-1-2", "clock": 9}).encode()
    assert decode_record(data, 1) == Record(1, 17, clock=9, events=(Event(A, 5, "sighting", "272-03-1-2"),))


def test_a_one_event_record_without_a_clock_has_none() -> None:
    record = decode_record(json.dumps({"sub": A, "ts": 5, "type": "power_off"}).encode(), 1)
    assert record.clock is None
    assert record.events == (Event(A, 5, "power_off"),)


def test_a_cell_or_clock_that_is_null_is_as_good_as_absent() -> None:
    data = json.dumps({"sub": A, "ts": 5, "type": "power_off", "cell": None, "clock": None}).encode()
    assert decode_record(data, 1) == decode_record(json.dumps({"sub": A, "ts": 5, "type": "power_off"}).encode(), 1)


def test_what_a_one_event_record_bears_beyond_its_form_goes_no_further() -> None:
    data = json.dumps({"sub": A, "ts": 5, "type": "sms_out", "number": "353851234567", "text": "hi"}).encode()
    assert decode_record(data, 1).events == (Event(A, 5, "sms_out"),)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (["353851234567", 5, "sighting", "c"], "sub is not a pseudonym"),
        ([A[:-1] + "!", 5, "sighting", "c"], "sub is not a pseudonym"),
        ([7, 5, "sighting", "c"], "sub is not a pseudonym"),
        ([A, 0, "sighting", "c"], "ts: .*milliseconds"),
        ([A, -5, "sighting", "c"], "ts: .*milliseconds"),
        ([A, "5", "sighting", "c"], "ts: .*milliseconds"),
        ([A, 5.5, "sighting", "c"], "ts: .*milliseconds"),
        ([A, None, "sighting", "c"], "ts: .*milliseconds"),
        ([A, True, "sighting", "c"], "ts: .*milliseconds"),
        ([A, 10**30, "sighting", "c"], "ts: .*milliseconds"),
        ([A, 5, "sigthing", "c"], "type: .*sighting"),
        ([A, 5, "sighting"], "a sighting without a cell"),
        ([A, 5, "sighting", ""], "a sighting without a cell"),
        ([A, 5, "sighting", "c" * 65], "cell: .*64"),
        ([A, 5, "sighting", ["c"]], "cell: "),
        ([A, 5, "sighting", "c", "1" * 17], "tac: "),
        ([A, 5, "sighting", "c", "", "1" * 17], "device: "),
        ([A, 5, "sighting", "c", "", "", 27203], "plmn: "),
        ([A, 5, "sighting", "c", "", "", "", "more"], "length"),
        ([A, 5], "length"),
        ([], "length"),
        ({"sub": A, "ts": 5, "type": "power_on"}, "Expected `array`"),
        (None, "Expected `array`"),
        ([SUBS[63][0], 5, "power_on"], "another lane"),
    ],
)
def test_a_bad_event_is_rejected_with_its_reason_and_its_neighbours_live(event: object, reason: str) -> None:
    record = _decode([[A, 1, "power_on"], event, [B, 2, "power_off"]])
    assert record.events == (Event(A, 1, "power_on"), Event(B, 2, "power_off"))
    (rejected,) = record.rejected
    assert rejected.index == 1
    assert re.search(reason, rejected.reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither"),
        (b"\x02abc", "neither"),
        (b"[1]", "neither"),
        (b"\x01", "zstd"),
        (b"\x01not a frame", "zstd"),
        (_pack(_envelope([]))[:-3], "zstd"),
        (_pack(_envelope([])) + b"more", "zstd"),
        (_pack(b"{"), "truncated"),
        (_pack(b"[]"), "Expected `object`"),
        (_pack(b'{"lane": 1}{'), "trailing"),
        (_pack({"events": []}), "lane: .*0 to 63"),
        (_pack(_envelope([], lane=LANES)), "lane: .*0 to 63"),
        (_pack(_envelope([], lane=-1)), "lane: .*0 to 63"),
        (_pack(_envelope([], lane="17")), "lane: .*0 to 63"),
        (_pack(_envelope([], clock=0)), "clock: "),
        (_pack(_envelope([], clock="now")), "clock: "),
        (_pack(_envelope([], number=-1)), "number: "),
        (_pack(_envelope([], number=0)), "a producer without a number"),
        (_pack(_envelope([], producer="p" * 65)), "producer: "),
        (_pack(_envelope({})), "events: "),  # type: ignore[arg-type]
        (_pack(_envelope([[A, 1, "power_on"]] * (MAX_EVENTS + 1))), "events: .*5,000"),
        (_pack(_envelope([[A, 1, "power_on"]], tick=True)), "a tick with events"),
        (_pack(_envelope([], tick=True, clock=None)), "a tick without a clock"),
        (_pack(_envelope([], region="west")), "an unknown field"),
        (_pack(b'{"lane": 17, "events": [' + b"[" * 100_000), "nested deeper than 4"),
        (b'{"sub": "', "truncated"),
        (b"{}", "sub is not a pseudonym"),
        (json.dumps({"sub": "+353 85 123 4567", "ts": 1, "type": "power_on"}).encode(), "not a pseudonym"),
        (json.dumps({"sub": A, "ts": 1, "type": "sighting"}).encode(), "a sighting without a cell"),
        (json.dumps({"sub": A, "type": "power_on"}).encode(), "ts: .*milliseconds"),
        (
            json.dumps({"sub": A, "ts": 1, "type": "power_on", "x": [[[[1]]]]}).encode(),
            "nested deeper than 4",
        ),
        (b'{"sub":' + b"[" * 10_000, "nested deeper than 4"),
        (b'{"sub": "' + b"x" * MAX_ONE_EVENT + b'"}', "more than 16,384 bytes"),
    ],
)
def test_a_bad_record_is_rejected_as_a_whole(data: bytes, reason: str) -> None:
    record = decode_record(data, 9)
    (rejected,) = record.rejected
    assert (record.position, record.lane, record.events, rejected.index) == (9, -1, (), -1)
    assert re.search(reason, rejected.reason)


def test_brackets_in_texts_are_no_nesting() -> None:
    record = _decode([[A, 1, "power_on", '[[[[[[{{"\\'], [A, 2, "nothing"]])
    assert [event.ts for event in record.events] == [1]


def test_deep_nesting_in_an_event_is_that_event_s_fault_alone() -> None:
    record = _decode([[A, 1, "power_on"], [[[[[["deep"]]]]]], [A, 2, "power_on", [[[[]]]]]])
    assert [event.ts for event in record.events] == [1]
    assert [rejected.index for rejected in record.rejected] == [1, 2]


@pytest.mark.parametrize("declared", [True, False], ids=["size declared", "size not declared"])
def test_a_bomb_is_not_unpacked(declared: bool) -> None:
    bomb = zstandard.ZstdCompressor(write_content_size=declared).compress(b" " * (MAX_DECOMPRESSED + 1))
    record = decode_record(b"\x01" + bomb, 1)
    assert re.search(r"8,388,608 bytes", record.rejected[0].reason)


def test_a_header_that_claims_more_than_the_bound_allocates_nothing() -> None:
    claim = b"\x28\xb5\x2f\xfd\xe0" + (2**40).to_bytes(8, "little") + b"\x01\x00\x00"
    assert "decompressed" in decode_record(b"\x01" + claim, 1).rejected[0].reason


def test_neither_reasons_nor_contents_hold_what_was_rejected() -> None:
    events: list[object] = [[A, 1, "353851234567"], ["+353 85 123 4567", 1, "power_on"], [A, "Mary", "web"], "Mary"]
    record = _decode(events)
    whole = decode_record(_pack(_envelope([], **{"Mary 353851234567": 1})), 1)
    kept = repr((record.rejected, whole.rejected))
    assert len(record.rejected) == 4
    assert not re.search("85123|85 123|Mary|" + A, kept)
    assert '"<text 16>",' in record.rejected[1].content


def test_an_unnumbered_record_says_the_same_but_for_its_producer_and_number() -> None:
    data = _pack(_envelope([[A, 1, "sighting", "c"], [A, 2, "teleported"]]))
    before, after = decode_record(data, 1), decode_record(unnumbered(data), 1)
    assert (before.producer, before.number) != ("", 0)
    assert after == replace(before, producer="", number=0)
    assert [rejected.index for rejected in after.rejected] == [1]


@pytest.mark.parametrize("data", [b'{"sub": "x", "number": 1}', b"", b"\x01noise", b"\x01" + b"x" * 50])
def test_what_is_no_aggregated_record_stays_as_it_is(data: bytes) -> None:
    assert unnumbered(data) == data


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_decoding_raise(data: bytes) -> None:
    for candidate in (data, b"\x01" + data, b"{" + data, _pack(data), _pack(b"{" + data)):
        record = decode_record(candidate, 1)
        assert record.rejected or record.lane >= 0


def _junk(rng: random.Random) -> object:
    kinds: list[object] = [
        None,
        True,
        -1,
        0,
        1.5,
        10**25,
        "",
        "353851234567",
        "\ud7ff",
        "x" * 70,
        [],
        {},
        [[1]],
    ]
    return rng.choice(kinds)


def _mutated(event: list[object], rng: random.Random) -> object:
    choice = rng.randrange(4)
    if choice == 0:
        return _junk(rng)
    if choice == 1:
        return event[: rng.randrange(3)]
    if choice == 2:
        return [*event, "", "", "", _junk(rng)]
    changed = list(event)
    changed[rng.randrange(3)] = _junk(rng)
    return changed


def test_of_thousands_of_broken_variants_every_good_neighbour_lives() -> None:
    """Also: how an event is broken never makes it pass as another (junk of the right type is no event)."""
    rng = random.Random(20261101)  # noqa: S311
    for _ in range(3_000):
        good = [[rng.choice((A, B, C)), n + 1, "sighting", "272-03-1-2"] for n in range(rng.randrange(1, 9))]
        broken = {n for n in range(len(good)) if rng.random() < 0.3}
        sent = [_mutated(list(event), rng) if n in broken else event for n, event in enumerate(good)]
        record = _decode(sent)
        assert {r.index for r in record.rejected} == broken
        assert [event.ts for event in record.events] == [n + 1 for n in range(len(good)) if n not in broken]


def test_of_thousands_of_records_with_bytes_flipped_none_raises() -> None:
    rng = random.Random(7)  # noqa: S311
    whole = msgspec.json.encode(_envelope([[A, 1, "sighting", "c"], [B, 2, "power_on"]]))
    packed = _pack(whole)
    for _ in range(3_000):
        raw, frame = bytearray(whole), bytearray(packed)
        raw[rng.randrange(len(raw))] = rng.randrange(256)
        frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
        for data in (_pack(bytes(raw)), bytes(frame), bytes(raw)):
            record = decode_record(data, 1)
            assert len(record.events) + len(record.rejected) >= 0
