"""JSON with lines."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwave.contracts.positions import format_path, locate
from cellwave.domain.errors import DocumentError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 0, 2]))
def test_sound_json_is_read_as_the_standard_library_reads_it(value, indent):
    text = json.dumps(value, indent=indent)

    assert locate(text, "x").value == json.loads(text)


def test_each_member_and_element_has_its_line():
    located = locate('{\n"a": 1, "b": [\n2,\n{"c":\n3}]\n}\n', "x")

    assert located.lines == {(): 1, ("a",): 2, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4}


def test_a_problem_at_what_is_missing_takes_the_line_of_what_should_hold_it():
    problem = locate('{\n"a": {"b": 1}}', "x").problem(("a", "c"), "missing", "add it")

    assert str(problem) == "x:2: $.a.c: missing (add it)"


def test_keys_that_are_no_plain_words_are_quoted_in_paths():
    assert format_path(("nodes", "no-answer", 3, "é")) == '$.nodes["no-answer"][3]["\\u00e9"]'


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        ("", 1, "$"),
        ('{\n"a": 1,\n}', 3, "$"),
        ('{"a": [1,\n2\n', 3, "$.a"),
        ('{"a":\nNaN}', 2, "$.a"),
        ('{"a": -Infinity}', 1, "$.a"),
        ('{"a": 1e999}', 1, "$.a"),
        ('{"a": "\\ud800"}', 1, "$.a"),
        ("{'a': 1}", 1, "$"),
        ('{"a" 1}', 1, "$.a"),
        ("{}\n{}", 2, "$"),
        ('{"a": 01}', 1, "$"),
        ('{"a": tru}', 1, "$.a"),
    ],
)
def test_what_is_no_json_is_refused_with_line_and_path(text, line, path):
    with pytest.raises(DocumentError) as refused:
        locate(text, "x")

    (problem,) = refused.value.problems
    assert (problem.line, problem.path) == (line, path)
    assert problem.mend


@pytest.mark.parametrize(("depth", "is_read"), [(32, True), (33, False), (100_000, False)])
def test_nesting_is_bounded(depth, is_read):
    text = "[" * depth + "]" * depth
    if is_read:
        assert locate(text, "x").value
    else:
        with pytest.raises(DocumentError, match="nested deeper than 32"):
            locate(text, "x")


def test_numbers_keep_their_kind():
    one, half, zero = locate("[1, 1.0, -0.0]", "x").value

    assert (type(one), type(half), math.copysign(1, zero)) == (int, float, -1)
