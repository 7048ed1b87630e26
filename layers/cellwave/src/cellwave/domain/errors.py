"""The errors that Cellwave raises.

    CellwaveError
    ├── DocumentError      a campaign, flow, area file, list or event that cannot be used: place, reason, mend
    ├── Conflict           somebody else changed it first: load again and decide again
    ├── InputError         a value that somebody handed in cannot be used; a ValueError too
    └── NotFound           no such document, journey or touch

Adapters translate their services' errors into these or let the service's own error rise (a retry then decides);
use cases never look at a botocore error.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class CellwaveError(Exception):
    """Root of all errors that Cellwave itself raises."""


class InputError(CellwaveError, ValueError):
    """A value that somebody handed in cannot be used; the message never shows it."""


class Conflict(CellwaveError):
    """A conditional write was refused: the item changed since it was read."""


class NotFound(CellwaveError):
    """What was asked for does not exist (any more)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document: where, what was expected, how to mend it.

    `line` counts from 1, 0 where a line has no meaning; `path` is a JSON path such as `$.trigger.minutes`.
    """

    source: str
    path: str
    reason: str
    mend: str
    line: int = 0

    def __str__(self) -> str:
        """Return `source:line: path: reason (mend)`, leaving out what is empty."""
        place = f"{self.source}:{self.line}" if self.line else self.source
        where = f" {self.path}:" if self.path else ""
        mend = f" ({self.mend})" if self.mend else ""
        return f"{place}:{where} {self.reason}{mend}"


class DocumentError(CellwaveError):
    """One or more problems, all of them, in what a user handed in."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
