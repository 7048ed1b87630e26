"""Broken variants of documents and lines, for the property that none of them does worse than be refused."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

JUNK = (
    *(None, True, False, 0, 1, -1, 1.5, 24.0, 1e300, -0.0, 10**18, 10**400),
    *("", " ", "x", "A B", "a" * 65, "a" * 5000, "é", "\u0000", "once", "sms", "text", "call", "wave", "wait", "split"),
    *("2026-11-01", "2026-11-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("area_entered", "area_visited", [], [[]], [None], ["sms", "sms"], {}, {"": None}, {"kind": []}, {"kind": "wave"}),
    *({"kind": "roaming_for"}, {"hours": 0}, {"hours": 10**30}, {"segment": "x"}, {"list": ["x"]}),
)
SCRAPS = (
    *('"', "{", "}", "{}", "[", "]", ",", ":", "//", "/*", "'", "\\", "\\u", "\\ud800", '"campaign": "x",'),
    *("\n", "\r", "\t", "\x00", "\ufeff", "\ud800", "é", "0", "-", "e9", ".", "NaN", "Infinity", "null"),
    *("[" * 40, "[" * 5000, '{"a":' * 500, "9" * 5000),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything in a JSON value, but the whole."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, child in children:
        found += [(*path, key), *places(child, (*path, key))]
    return found


@st.composite
def broken_values(draw: st.DrawFn, document: Any) -> str:
    """Draw the text of a document in which one or two things were replaced, removed, renamed or added."""
    whole = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 2))):
        *above, key = draw(st.sampled_from(places(whole) or [()])) or (None,)
        if key is None:
            break
        parent = whole
        for step in above:
            parent = parent[step]
        action = draw(st.sampled_from(("replace", "remove", "rename", "add")))
        if action == "replace" or (isinstance(parent, list) and action == "rename"):
            parent[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        elif action == "remove":
            del parent[key]
        elif isinstance(parent, list):
            parent.append(copy.deepcopy(draw(st.sampled_from(JUNK))))
        else:
            name = draw(st.sampled_from(("", "kind", "x", "nxt", key + "s", "until", "é", "\ud800", "a" * 200)))
            parent[name] = parent.pop(key) if action == "rename" else copy.deepcopy(draw(st.sampled_from(JUNK)))
    return json.dumps(whole, indent=draw(st.sampled_from((None, 1))))


@st.composite
def broken_texts(draw: st.DrawFn, document: Any) -> str:
    """Draw a document's text with scraps put in, pieces cut out, or an end that is missing."""
    text = json.dumps(document, indent=draw(st.sampled_from((None, 1))))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from((0, 0, 1, 5, 100_000))))
        text = text[:start] + draw(st.sampled_from(("", *SCRAPS))) + text[end:]
    return text
