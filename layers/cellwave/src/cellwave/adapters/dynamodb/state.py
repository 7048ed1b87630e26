"""The matcher's state: one table of pages, lanes and due marks.

| pk | sk | attributes |
| `P#0123` | `-` | `v` version, `b` body (see pages.py), `expires_at` |
| `L#07` | `-` | `v`, `clock`, `rules`, `next_due`, by name `positions`, `numbers`, `heard`, `counts`; `expires_at` |
| `D#07` | minute, 12 digits | `pages` number set of partitions, `stamp`, `expires_at` |
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from cellwave.adapters import expiry
from cellwave.adapters.dynamodb.items import Item, Refused, Table, is_live
from cellwave.adapters.dynamodb.pages import decode_page, encode_page
from cellwave.adapters.dynamodb.statements import Statements
from cellwave.adapters.parallel import each
from cellwave.domain.errors import Conflict
from cellwave.domain.identifiers import LANES
from cellwave.domain.pages import DueMark, Lane, Page
from cellwave.ports.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ALONE: Final = "-"
_ABSENT: Final = "attribute_not_exists(pk) OR expires_at <= :now"


class DynamoStateStore:
    """StateStore on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock):
        self._table = Table(client, table)
        self._statements = Statements(client, table)
        self._clock = clock

    def load_pages(self, partitions: Collection[int]) -> dict[int, Page]:
        """Return the pages; new ones where nothing stands."""
        pages = {number: Page(number) for number in partitions}
        for item in self._live([(_page_key(number), _ALONE) for number in partitions]):
            number = int(item["pk"]["S"][2:])
            pages[number] = decode_page(number, int(item["v"]["N"]), item["b"]["B"])
        return pages

    def save_pages(self, pages: Sequence[Page]) -> None:
        """Write each page if its version is the stored one. Raises Conflict."""
        now = self._clock.wall()
        self._save([(page, _page_item(page, now)) for page in pages], now)

    def load_lanes(self, lanes: Collection[int]) -> dict[int, Lane]:
        """Return the lanes; new ones where nothing stands."""
        found = {number: Lane(number) for number in lanes}
        for item in self._live([(_lane_key(number), _ALONE) for number in lanes]):
            lane = _lane_of(item)
            found[lane.lane] = lane
        return found

    def save_lanes(self, lanes: Sequence[Lane]) -> None:
        """Write each lane if its version is the stored one. Raises Conflict."""
        now = self._clock.wall()
        self._save([(lane, _lane_item(lane, now)) for lane in lanes], now)

    def all_lanes(self) -> Iterable[Lane]:
        """Return every lane that was ever saved."""
        return [lane for lane in self.load_lanes(range(LANES)).values() if lane.version]

    def add_due(self, lane: int, marks: Mapping[int, Collection[int]]) -> None:
        """Add partitions to the marks of a lane."""
        expires_at = str(self._clock.wall() + expiry.STATE)

        def add(mark: tuple[int, Collection[int]]) -> None:
            minute, partitions = mark
            values = {
                ":pages": {"NS": [str(number) for number in sorted(set(partitions))]},
                # Random, not counted: a mark cleared and set anew must not bear a stamp seen before.
                ":stamp": {"N": str(secrets.randbits(63))},
                ":expires_at": {"N": expires_at},
            }
            expression = "ADD pages :pages SET stamp = :stamp, expires_at = :expires_at"
            self._table.update(_due_key(lane, minute), expression, values)

        each(add, [mark for mark in marks.items() if mark[1]])

    def due(self, lane: int, until: int) -> list[DueMark]:
        """Return the marks of a lane at minutes <= `until`, the earliest first."""
        values = {":pk": {"S": f"D#{lane:02d}"}, ":until": {"S": _minute(until)}}
        now = self._clock.wall()
        return [
            DueMark(
                minute=int(item["sk"]["S"]),
                partitions=frozenset(map(int, item["pages"]["NS"])),
                stamp=int(item["stamp"]["N"]),
            )
            for item in self._table.query("pk = :pk AND sk <= :until", values)
            if is_live(item, now)
        ]

    def clear_due(self, lane: int, marks: Collection[DueMark]) -> None:
        """Forget marks that nobody has added to."""

        def clear(mark: DueMark) -> None:
            try:
                self._table.delete(_due_key(lane, mark.minute), "stamp = :stamp", {":stamp": {"N": str(mark.stamp)}})
            except Refused:
                return  # gone already, or somebody added to it

        each(clear, list(marks))

    def _save(self, values: Sequence[tuple[Page | Lane, Item]], now: int) -> None:
        new = [(value, item) for value, item in values if not value.version]
        known = [(value, item) for value, item in values if value.version]
        inserted = self._statements.insert([item for _, item in new])
        stored: list[Item] = [{"v": {"N": str(value.version)}} for value, _ in known]
        updated = self._statements.update([item for _, item in known], stored, now)
        conflicts: list[str] = []
        for (value, item), written in zip([*new, *known], [*inserted, *updated], strict=True):
            # What refuses a new one may be one that has expired.
            if written or (not value.version and self._put_new(item, now)):
                value.version += 1
            else:
                conflicts.append(item["pk"]["S"])
        if conflicts:
            raise Conflict(f"changed by another writer: {', '.join(conflicts)}")

    def _live(self, keys: Collection[tuple[str, str]]) -> list[Item]:
        now = self._clock.wall()
        return [item for item in self._table.batch_get(keys) if is_live(item, now)]

    def _put_new(self, item: Item, now: int) -> bool:
        """Write an item where none is live; tell whether it was written."""
        try:
            self._table.put(item, _ABSENT, {":now": {"N": str(now)}})
        except Refused:
            return False
        return True


def _head(pk: str, version: int, expires_at: int) -> Item:
    """Return what pages and lanes have in common, at the version after this one."""
    return {
        "pk": {"S": pk},
        "sk": {"S": _ALONE},
        "v": {"N": str(version + 1)},
        "expires_at": {"N": str(expires_at)},
    }


def _page_item(page: Page, now: int) -> Item:
    head = _head(_page_key(page.partition), page.version, now + expiry.STATE)
    return {**head, "b": {"B": encode_page(page)}}


def _lane_item(lane: Lane, now: int) -> Item:
    return {
        **_head(_lane_key(lane.lane), lane.version, now + expiry.LANES),
        "clock": {"N": str(lane.clock)},
        "rules": {"N": str(lane.rules)},
        "next_due": {"N": str(lane.next_due)},
        # Stream positions have up to 56 digits, a DynamoDB number 38.
        "positions": {"M": {name: {"S": str(number)} for name, number in lane.positions.items()}},
        "numbers": {"M": {name: {"N": str(number)} for name, number in lane.numbers.items()}},
        "heard": {"M": {name: {"N": str(clock)} for name, clock in lane.heard.items()}},
        "counts": {"M": {name: {"N": str(number)} for name, number in lane.counts.items()}},
    }


def _page_key(partition: int) -> str:
    return f"P#{partition:04d}"


def _lane_key(lane: int) -> str:
    return f"L#{lane:02d}"


def _due_key(lane: int, minute: int) -> Item:
    return {"pk": {"S": f"D#{lane:02d}"}, "sk": {"S": _minute(minute)}}


def _minute(minute: int) -> str:
    return f"{minute:012d}"


def _lane_of(item: Item) -> Lane:
    return Lane(
        lane=int(item["pk"]["S"][2:]),
        version=int(item["v"]["N"]),
        positions={name: int(value["S"]) for name, value in item["positions"]["M"].items()},
        clock=int(item["clock"]["N"]),
        rules=int(item["rules"]["N"]),
        next_due=int(item["next_due"]["N"]),
        numbers={name: int(value["N"]) for name, value in item["numbers"]["M"].items()},
        counts={name: int(value["N"]) for name, value in item["counts"]["M"].items()},
        heard={name: int(value["N"]) for name, value in item["heard"]["M"].items()},
    )
