"""Journeys, marks and the ledger of outcomes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cellwave.domain.journey import Journey
from cellwave.domain.outcomes import Outcome

MarkResult = Literal["entered", "same", "spent"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A wish to enter a campaign at `trigger_ts` (stream ms); `reentry_hours` None means once ever."""

    sub: str
    campaign: str
    trigger_ts: int
    reentry_hours: int | None


class JourneyStore(Protocol):
    """Keeps journeys by (sub, id), and per (sub, campaign) the trigger time that entered last."""

    def mark(self, marks: Sequence[Mark]) -> list[MarkResult]:
        """Set each mark by one conditional write and tell the result, in the same order.

        `entered`: nothing was there, or the re-entry period is over; `same`: this very trigger time stands already
        (a retry); `spent`: another stands and the period is not over. A (sub, campaign) occurs at most once a call.
        """
        ...

    def create(self, journeys: Sequence[Journey]) -> list[Journey]:
        """Write each journey if it does not exist; return what then stands, in the same order (revision 1 or more)."""
        ...

    def get(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Journey]:
        """Return the journeys of these (sub, id) as they are now (consistent); leave out those that do not exist."""
        ...

    def of(self, sub: str) -> list[Journey]:
        """Return every journey of a subscriber (consistent)."""
        ...

    def replace(self, journeys: Sequence[Journey]) -> list[bool]:
        """Write each journey if the stored revision is still its own, raising it by one; tell which were written."""
        ...

    def all(self) -> Iterable[Journey]:
        """Return every journey. For reports: it reads the whole table."""
        ...

    def marks(self) -> Iterable[Mark]:
        """Return every mark as it stands (their `reentry_hours` is not kept). For reports, as `all`."""
        ...


class Ledger(Protocol):
    """Keeps every outcome once, for good."""

    def append(self, outcome: Outcome) -> bool:
        """Write an outcome; False where it stood already."""
        ...

    def of(self, sub: str) -> list[Outcome]:
        """Return a subscriber's outcomes in the order of their stream time."""
        ...

    def all(self) -> Iterable[Outcome]:
        """Return every outcome. For reports: it reads the whole table."""
        ...


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a journey's message goes: the channel whose queue carries the touch id."""

    channel: str
    touch: str
