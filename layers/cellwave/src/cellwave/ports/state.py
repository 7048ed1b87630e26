"""The matcher's state: pages, lanes and due marks."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from cellwave.domain.pages import DueMark, Lane, Page


class StateStore(Protocol):
    """Keeps what the matcher remembers. Reads are consistent and leave out what has expired."""

    def load_pages(self, partitions: Collection[int]) -> dict[int, Page]:
        """Return the pages of these partitions; a partition without one gets a new, empty page (version 0)."""
        ...

    def save_pages(self, pages: Sequence[Page]) -> None:
        """Write each page if its version is still the stored one, and raise the page's version by one.

        Raises Conflict where another writer was there first; the pages that nobody else touched are written all the
        same. An empty page (no subscribers) is kept for its position.
        """
        ...

    def load_lanes(self, lanes: Collection[int]) -> dict[int, Lane]:
        """Return these lanes; one never worked on is new (version 0)."""
        ...

    def save_lanes(self, lanes: Sequence[Lane]) -> None:
        """Write each lane if its version is still the stored one, and raise it by one. Raises Conflict as above."""
        ...

    def all_lanes(self) -> Iterable[Lane]:
        """Return every lane that was ever saved."""
        ...

    def add_due(self, lane: int, marks: Mapping[int, Collection[int]]) -> None:
        """Note that partitions of a lane have timers due: minute (stream ms // 60,000) -> partitions.

        Adds to what is noted already; adding the same again only changes the mark's stamp.
        """
        ...

    def due(self, lane: int, until: int) -> list[DueMark]:
        """Return the due marks of a lane at minutes <= `until`, the earliest first (consistent)."""
        ...

    def clear_due(self, lane: int, marks: Collection[DueMark]) -> None:
        """Forget due marks that were worked off, each only if nobody added to it since it was read (its stamp)."""
        ...
