"""What may be kept of content that cannot be used: its shape, and nothing that may be about a person.

No mask finds every way to write a number, and none finds a name: so nothing is kept but what is known to be
harmless. Where the content came from (position, line number) finds the content itself.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from cellwave.domain.identifiers import LANES

MAX_PARSED: Final = 64 * 1024
MAX_FIELDS: Final = 24

_NAME = re.compile(r"[A-Za-z_]{1,32}")
_TYPE = re.compile(r"[a-z]{1,12}(?:_[a-z]{1,12})?")
_PRODUCER = re.compile(r"(?!.*\d{7})[A-Za-z][\w-]{0,63}", re.ASCII)
# In ms of 2001 to 2033: 13 digits that begin with 1, as no number of E.164, IMSI or IMEI does.
_PLAUSIBLE_MS: Final = range(10**12, 2 * 10**12)
_RECORD_NUMBERS: Final = range(10**7)  # more digits, and it may be a subscriber's number
_INTEGERS: Final[Mapping[str, range]] = {
    "ts": _PLAUSIBLE_MS,
    "clock": _PLAUSIBLE_MS,
    "number": _RECORD_NUMBERS,
    "lane": range(LANES),
}
_TEXTS: Final = {"type": _TYPE, "producer": _PRODUCER}
_OWN_WORDS: Final = (
    "Expected `",
    "Object missing required field `",
    "Input data was truncated",
    "JSON is malformed: ",
    "Invalid UTF-8",
    "Integer value out of range",
    "Number out of range",
)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_any = msgspec.json.Decoder(Any)


def outline(content: bytes, fields: Sequence[str] = ()) -> str:
    """Return the shape of rejected content as JSON text.

    Of an object the names of its fields with type and length, `"cell": "<text 18>"`; of an array (whose elements
    `fields` may name) its elements so. The values of `ts`, `clock`, `type`, `producer`, `number` and `lane` are
    kept where they can be nothing else, truths and nulls always. Of what is no JSON: how many bytes, and of which
    kind the first is. No hash of it: of a text as short as a number, a hash tells the number.
    """
    try:
        value = _any.decode(content) if len(content) <= MAX_PARSED else ...
    except _UNREADABLE:
        value = ...
    if value is ...:
        return f"<{len(content)} bytes, the first {_kind(content)}>"
    if isinstance(value, dict):
        named = list(value.items())[:MAX_FIELDS]
        shape: Any = {_name(name, at): _shape(name, part) for at, (name, part) in enumerate(named)}
        if len(value) > MAX_FIELDS:
            shape["..."] = f"<{len(value) - MAX_FIELDS} more>"
    elif isinstance(value, list):
        names = (*fields, *[""] * MAX_FIELDS)
        shape = [_shape(name, part) for name, part in zip(names[:MAX_FIELDS], value, strict=False)]
        shape += [f"<{len(value) - MAX_FIELDS} more>"] if len(value) > MAX_FIELDS else []
    else:
        shape = _shape("", value)
    return msgspec.json.encode(shape).decode()


def own_words(error: Exception) -> str:
    """Return a decoder's complaint without what it quotes of the content: a decoder quotes values and field names."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    text, _, _ = str(error).partition(" - at `")
    if text.startswith(_OWN_WORDS):
        return text
    if text.startswith("Invalid enum value"):
        return "not one of the known values"
    return "an unknown field" if text.startswith("Object contains unknown field") else "not of the expected form"


def _shape(name: str, value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value in _INTEGERS.get(name, ()) else f"<integer of {len(str(abs(value)))} digits>"
    if isinstance(value, str):
        known = _TEXTS.get(name)
        return value if known and known.fullmatch(value) else f"<text {len(value)}>"
    if isinstance(value, list):
        return f"<array {len(value)}>"
    return f"<object {len(value)}>" if isinstance(value, dict) else "<number>"


def _name(name: str, at: int) -> str:
    """Return a field's name; where it may be more than a name, its place and length."""
    return name if _NAME.fullmatch(name) else f"<{at}: name {len(name)}>"


def _kind(content: bytes) -> str:
    if not content:
        return "missing"
    if content.startswith(b"\xef\xbb\xbf"):
        return "a byte order mark"
    first = content[:1]
    if first in b'{["':
        return f"a {first.decode()}"
    if first.isalnum():
        return "a digit" if first.isdigit() else "a letter"
    if first.isspace():
        return "a space"
    return "a sign" if 32 < content[0] < 127 else "no ASCII text"
