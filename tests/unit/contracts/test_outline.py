"""What is kept of content that cannot be used: its shape, never what it says."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwave.contracts.outline import MAX_FIELDS, MAX_PARSED, outline, own_words

EVENT = ("sub", "ts", "type")
KEPT = {"ts": 1_790_000_000_000, "clock": 1_790_000_000_001, "lane": 63, "number": 9_999_999, "producer": "probe-7"}


@pytest.mark.parametrize(
    "value",
    [
        "353851234567",
        "353\u201385\u2013123\u20134567",
        "3520/9900/1761/481",
        "353 - 85 - 123 - 4567",
        "see you at 5, Mary, my PIN is 1234",
        353851234567,
        [353851234567],
        {"Mary": "353851234567"},
        1234.5,
    ],
)
@pytest.mark.parametrize("name", ["sub", "ts", "clock", "type", "producer", "number", "lane", "text", "x"])
def test_no_value_is_kept_in_any_field_in_any_writing(name: str, value: object) -> None:
    plain = json.dumps({name: value}, ensure_ascii=False).encode()
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in str(value))
    escaped = f'{{"{name}": "{escaped}"}}'
    for content in (plain, escaped.encode(), json.dumps([value, value, value]).encode()):
        kept = outline(content, EVENT)
        assert not re.search(r"\d{3}|Mary|PIN", kept)
        assert json.loads(kept)


def test_what_can_be_nothing_else_is_kept() -> None:
    document = {**KEPT, "type": "sms_sent", "tick": True, "cell": None}
    assert json.loads(outline(json.dumps(document).encode())) == document


@pytest.mark.parametrize(
    ("name", "value", "shape"),
    [
        ("ts", 1_790_000_000, "<integer of 10 digits>"),
        ("ts", 2 * 10**12, "<integer of 13 digits>"),
        ("ts", True, True),
        ("number", 10_000_000, "<integer of 8 digits>"),
        ("lane", 64, "<integer of 2 digits>"),
        ("type", "SIGHTING", "<text 8>"),
        ("type", "one_two_three", "<text 13>"),
        ("producer", "p353851234567", "<text 13>"),
        ("cell", "272-03-1-2", "<text 10>"),
        ("x", [1, 2], "<array 2>"),
        ("x", {}, "<object 0>"),
        ("x", 0.5, "<number>"),
    ],
)
def test_of_the_rest_type_and_length_are_kept(name: str, value: object, shape: object) -> None:
    assert json.loads(outline(json.dumps({name: value}).encode())) == {name: shape}


def test_a_field_s_name_that_may_be_more_than_a_name_is_not_kept() -> None:
    content = json.dumps({"353851234567": 1, "Mary Doe": 1, "cell": 1}).encode()
    assert list(json.loads(outline(content))) == ["<0: name 12>", "<1: name 8>", "cell"]


def test_the_elements_of_an_event_are_told_by_their_places() -> None:
    content = json.dumps(["353851234567", 1_790_000_000_000, "teleported", "x"]).encode()
    assert json.loads(outline(content, EVENT)) == ["<text 12>", 1_790_000_000_000, "teleported", "<text 1>"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "<0 bytes, the first missing>"),
        (b"353851234567,x", "<14 bytes, the first a digit>"),
        (b'{"sub": "353851234567', "<21 bytes, the first a {>"),
        (b"\xef\xbb\xbf{}", "<5 bytes, the first a byte order mark>"),
        (b"\x28\xb5\x2f\xfd353851234567", "<16 bytes, the first a sign>"),
        (b"\x00353851234567", "<13 bytes, the first no ASCII text>"),
        (b"Mary", "<4 bytes, the first a letter>"),
        (b"[" * 50_000, "<50000 bytes, the first a [>"),
        (b'"' + b"x" * MAX_PARSED + b'"', f'<{MAX_PARSED + 2} bytes, the first a ">'),
    ],
)
def test_of_what_is_no_json_only_its_size_and_the_kind_of_its_first_byte_are_kept(
    content: bytes, expected: str
) -> None:
    assert outline(content) == expected


@pytest.mark.parametrize("content", [{f"f{'x' * n}": 1 for n in range(40)}, [1] * 40])
def test_an_outline_is_short(content: object) -> None:
    kept = json.loads(outline(json.dumps(content).encode()))
    assert len(kept) == MAX_FIELDS + 1
    assert "16 more" in str(kept)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(content: bytes) -> None:
    assert outline(content)


@pytest.mark.parametrize(
    ("model", "content", "expected"),
    [
        (dict[str, int], b'{"Mary": "x"}', "Expected `int`, got `str`"),
        (list[int], b"[", "Input data was truncated"),
        (list[int], b"[1}", "JSON is malformed: expected ',' or ']' (byte 2)"),
        (str, b'"\xff"', "not UTF-8"),
        (msgspec.defstruct("S", [("a", int)], forbid_unknown_fields=True), b'{"Mary": 1}', "an unknown field"),
        (msgspec.defstruct("T", [("a", int)]), b"{}", "Object missing required field `a`"),
    ],
)
def test_a_decoder_s_complaint_loses_what_it_quotes(model: type, content: bytes, expected: str) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)) as caught:
        msgspec.json.decode(content, type=model)
    assert own_words(caught.value) == expected
