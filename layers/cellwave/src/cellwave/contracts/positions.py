"""Strict JSON with the line of everything in it, so that a problem can name its place.

Stricter than the standard library's reader: no `NaN`, no number beyond a double, no key twice in an object, no half
of a surrogate pair, no nesting beyond 32.
"""

import json
import math
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final

from cellwave.domain.errors import DocumentError, Problem

Path = tuple[str | int, ...]

MAX_DEPTH: Final = 32

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def show(value: Any) -> str:
    """Return a value as short ASCII JSON for a message."""
    text = json.dumps(value)
    return text if len(text) <= 66 else text[:63] + "..."


def format_path(path: Path) -> str:
    """Return a path as JSON path, `$.nodes["no-answer"].next`, in ASCII."""
    steps = []
    for step in path:
        if isinstance(step, str) and _PLAIN_KEY.fullmatch(step):
            steps.append(f".{step}")
        else:
            steps.append(f"[{show(step)}]")
    return "$" + "".join(steps)


@dataclass(slots=True)
class Located:
    """A JSON value with the line (from 1) of each member and element, and the keys that came twice."""

    source: str
    value: Any
    lines: dict[Path, int]
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, reason: str, mend: str) -> Problem:
        """Return a problem at a path; a path that the text lacks takes the line of what holds it."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return Problem(self.source, format_path(path), reason, mend, self.lines.get(known, 0))


def locate(text: str, source: str) -> Located:
    """Read one JSON text. Raises DocumentError when it is not JSON; repeated keys are among the result's problems."""
    reader = _Reader(text.removeprefix("\ufeff"), source)
    return reader.read()


class _Reader:
    """A cursor over the text; scalars are left to the standard library."""

    def __init__(self, text: str, source: str):
        self._text = text
        self._source = source
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._scalar = json.JSONDecoder(parse_constant=self._refuse_constant)
        self._at = 0
        self._located = Located(source, None, {})

    def read(self) -> Located:
        self._located.value = self._value(())
        self._skip()
        if self._at < len(self._text):
            raise self._malformed((), "text after the end of the document", "remove it; several go in one array")
        return self._located

    def _value(self, path: Path) -> Any:
        opening = self._peek(path, "a value")
        self._located.lines[path] = self._line()
        if opening in "{[" and len(path) >= MAX_DEPTH:
            raise self._malformed(path, f"nested deeper than {MAX_DEPTH}", "flatten the document")
        if opening == "{":
            return self._object(path)
        if opening == "[":
            return self._array(path)
        return self._read_scalar(path)

    def _object(self, path: Path) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self._at += 1
        if self._peek(path, 'a key in double quotes or "}"') == "}":
            self._at += 1
            return members
        while True:
            if self._peek(path, "a key in double quotes") != '"':
                raise self._malformed(path, "expected a key in double quotes", "quote it; no comma before }")
            line = self._line()
            key = self._read_scalar(path)
            self._expect(":", (*path, key))
            value = self._value((*path, key))
            if key in members:
                twice = Problem(
                    self._source, format_path((*path, key)), "the key comes twice", "keep one of them", line
                )
                self._located.problems.append(twice)
            members[key] = value
            self._located.lines[(*path, key)] = line
            if self._closes("}", path):
                return members

    def _array(self, path: Path) -> list[Any]:
        elements: list[Any] = []
        self._at += 1
        if self._peek(path, 'a value or "]"') == "]":
            self._at += 1
            return elements
        while True:
            elements.append(self._value((*path, len(elements))))
            if self._closes("]", path):
                return elements

    def _read_scalar(self, path: Path) -> Any:
        try:
            value, self._at = self._scalar.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = min(error.pos, len(self._text))
            raise self._malformed(path, f"not JSON: {error.msg}", "expected a JSON value here") from error
        except ValueError as error:  # NaN, Infinity, or more digits than Python reads
            raise self._malformed(path, "no ordinary number", "write a number of ordinary size") from error
        if isinstance(value, float) and not math.isfinite(value):
            raise self._malformed(path, "no ordinary number", "write a number of ordinary size")
        if isinstance(value, str) and _SURROGATE.search(value):
            raise self._malformed(path, "half of a surrogate pair", r"write the character itself, or both \u halves")
        return value

    def _closes(self, bracket: str, path: Path) -> bool:
        """Step over a comma or the closing bracket; tell which."""
        found = self._peek(path, f'"," or "{bracket}"')
        if found not in {",", bracket}:
            raise self._malformed(path, f'expected "," or "{bracket}"', "is a comma or a quote missing before?")
        self._at += 1
        return found == bracket

    def _expect(self, mark: str, path: Path) -> None:
        if self._peek(path, f'"{mark}"') != mark:
            raise self._malformed(path, f'expected "{mark}"', f'write "{mark}" between key and value')
        self._at += 1

    def _peek(self, path: Path, expected: str) -> str:
        self._skip()
        if self._at >= len(self._text):
            raise self._malformed(path, f"the text ends where {expected} should stand", "is the file complete?")
        return self._text[self._at]

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _line(self) -> int:
        return bisect_right(self._breaks, self._at - 1) + 1

    def _malformed(self, path: Path, reason: str, mend: str) -> DocumentError:
        return DocumentError([Problem(self._source, format_path(path), reason, mend, self._line())])

    @staticmethod
    def _refuse_constant(name: str) -> float:
        raise ValueError(f"{name} is no number")
