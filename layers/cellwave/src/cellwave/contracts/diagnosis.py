"""From what pydantic found to problems that a marketer can mend: place, reason, mend."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final
from unicodedata import category

from pydantic import BaseModel, ConfigDict, ValidationError

from cellwave.contracts.positions import Located, Path, show
from cellwave.domain.errors import Problem


class Document(BaseModel):
    """What all documents keep to: no coercion, no unknown fields, no change after reading."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


_TYPES: Final[Mapping[str, str]] = {
    "string_type": "text in double quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "an array [...]",
    "dict_type": "an object {...}",
    "model_type": "an object {...}",
    "model_attributes_type": "an object {...}",
}
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("ge", "at least {}"),
    "less_than_equal": ("le", "at most {}"),
    "too_short": ("min_length", "not fewer than {} in it"),
    "too_long": ("max_length", "not more than {} in it"),
    "string_too_short": ("min_length", "{} characters at least"),
    "string_too_long": ("max_length", "{} characters at most"),
}

NAME: Final = r"^[\p{L}\p{Nd}][\p{L}\p{M}\p{Nd}._-]{0,63}$"
"""What is named so becomes part of object keys and file names: nothing that parts a path, nothing that hides."""
TITLE: Final = r"^[\p{L}\p{Nd}](?:[\p{L}\p{M}\p{Nd}._ -]{0,62}[\p{L}\p{M}\p{Nd}._-])?$"
NODE_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"
CELL: Final = r"^[!-~]{1,64}$"

_PATTERNS: Final[Mapping[str, str]] = {
    NAME: "a name of 1 to 64 letters, digits and . _ -, a letter or digit first",
    TITLE: "a name of 1 to 64 letters, digits, spaces and . _ -, a letter or digit first, no space last",
    NODE_ID: "a node's id of 1 to 32 letters of a to z (either case), digits, - and _, a letter or digit first",
    CELL: "a cell's id of 1 to 64 characters without spaces",
}


def nearest(name: str, known: Collection[str]) -> str:
    """Return the mend for an unknown name: the nearest right one, or all of them when they are few."""
    known = set(known) - {name}
    close = get_close_matches(name[:200], sorted(known), n=1, cutoff=0.6)
    if close:
        return f"did you mean {show(close[0])}?"
    if not known:
        return "there is none to choose from"
    return "use one of " + ", ".join(sorted(known)[:12]) + (", ..." if len(known) > 12 else "")


def diagnose(
    located: Located, base: Path, error: ValidationError, later: Mapping[str, str], fields: Collection[str]
) -> Iterator[Problem]:
    """Yield a problem for each of pydantic's errors.

    `later` holds what is known but not supported yet, and what to do instead; `fields` the fields that documents
    of this kind have. Of an object whose `kind` is wrong nothing else is told: it was read as what it is not.
    """
    found = error.errors(include_url=False)
    wrong = [item["loc"][:-1] for item in found if _is_wrong_kind(item["loc"], item["type"])]
    for item in found:
        loc = item["loc"]
        if not _is_wrong_kind(loc, item["type"]) and any(loc[: len(place)] == place for place in wrong):
            continue
        path = (*base, *_in_document(located, base, loc, missing=item["type"] == "missing"))
        reason, mend = _words(dict(item), later, fields)
        yield located.problem(path, reason, mend)


def _in_document(located: Located, base: Path, loc: Path, missing: bool) -> Path:
    """Drop from pydantic's location the steps that name a variant of a union, not a place in the document."""
    path: Path = ()
    for number, step in enumerate(loc):
        if (*base, *path, step) in located.lines or (missing and number == len(loc) - 1):
            path = (*path, step)
    return path


def _words(item: Mapping[str, Any], later: Mapping[str, str], fields: Collection[str]) -> tuple[str, str]:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    last = item["loc"][-1] if item["loc"] else ""
    if kind in {"missing", "extra_forbidden"}:
        return _about_field(kind, str(last), later, fields)
    if kind in {"literal_error", "union_tag_invalid", "union_tag_not_found"}:
        return _about_choice(value, context, later)
    if kind in _TYPES:
        return f"expected {_TYPES[kind]}, found {show(value)}", f"write {_TYPES[kind]}"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        rule = words.format(context[key])
        return f"expected {rule}, found {show(value)}", f"make it {rule}"
    if kind == "string_pattern_mismatch":
        return f"expected {_PATTERNS[context['pattern']]}, found {show(value)}", _sample(value, context["pattern"])
    return f"{item['msg']}, found {show(value)}", str(context.get("mend", "see the JSON Schema of this document"))


def _about_field(kind: str, name: str, later: Mapping[str, str], fields: Collection[str]) -> tuple[str, str]:
    if kind == "missing":
        if name in later:
            return f"a document without {show(name)} is not supported yet", later[name]
        return f"{show(name)} is missing", f"add {show(name)}"
    if name in later:
        return f"{show(name)} is not supported yet", later[name]
    return f"unknown field {show(name)}", f"remove it, or {nearest(name, fields)}"


def _about_choice(value: Any, context: Mapping[str, Any], later: Mapping[str, str]) -> tuple[str, str]:
    expected = str(context.get("expected") or context.get("expected_tags") or "a kind")
    if isinstance(value, dict):
        if "kind" not in value:
            return '"kind" is missing', 'add "kind"'
        value = value["kind"]
    if isinstance(value, str) and value in later:
        return f"{show(value)} is not supported yet", later[value]
    choices = re.findall("'([^']+)'", expected)
    mend = nearest(str(value), choices) if choices else f"use {expected}"
    return f"expected {expected}, found {show(value)}", mend


def _sample(value: str, pattern: str) -> str:
    if pattern == CELL:
        return "write it like 460-00-40122-10805003"
    if pattern == NODE_ID:
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", value[:64]).strip("-_")[:32]
    else:
        kept = "".join(sign if _may_be_in_a_name(sign) else "-" for sign in value[:64])
        name = re.sub("-{2,}", "-", kept).lstrip("._-").rstrip("-")
        name = name if name[:1].isalpha() or name[:1].isdecimal() else ""
    return f"write, for instance, {show(name or 'mall-1')}"


def _may_be_in_a_name(sign: str) -> bool:
    return sign.isalpha() or sign.isdecimal() or sign in "._-" or category(sign).startswith("M")


def _is_wrong_kind(loc: Path, error: str) -> bool:
    return loc[-1:] == ("kind",) and error == "literal_error"
