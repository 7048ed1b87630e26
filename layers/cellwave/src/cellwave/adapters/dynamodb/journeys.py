"""Journeys and marks: one table, pk the pseudonym.

| sk | attributes |
| `J#<journey id>` | `rev` revision, `doc` canonical form (contracts/journey.py), `expires_at` |
| `M#<campaign>` | `ts` the last trigger time, `expires_at` |

Writes go 25 a request, each under its own condition (docs/adr/0004-conditional-writes.md).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cellwave.adapters import expiry
from cellwave.adapters.dynamodb.items import Item, Refused, Table, is_live
from cellwave.adapters.dynamodb.statements import Statements
from cellwave.adapters.parallel import each
from cellwave.contracts.journey import decode_journey, encode_journey
from cellwave.domain.campaign import HOUR_MS
from cellwave.domain.journey import Journey
from cellwave.ports.clock import Clock
from cellwave.ports.journeys import Mark, MarkResult

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_JOURNEY: Final = "J#"
_MARK: Final = "M#"
_ABSENT: Final = "attribute_not_exists(pk) OR expires_at <= :now"


class DynamoJourneyStore:
    """JourneyStore on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock):
        self._table = Table(client, table)
        self._statements = Statements(client, table)
        self._clock = clock

    def mark(self, marks: Sequence[Mark]) -> list[MarkResult]:
        """Set each mark and tell the result."""
        now = self._clock.wall()
        standing = self._insert([_mark_item(mark, now) for mark in marks])
        return each(lambda pair: self._judge(*pair, now), list(zip(marks, standing, strict=True)))

    def create(self, journeys: Sequence[Journey]) -> list[Journey]:
        """Write each journey that does not stand yet, and return what then stands."""
        now = self._clock.wall()
        items = {
            (journey.sub, journey.id): _journey_item(replace(journey, revision=0), now)
            for journey in reversed(journeys)
        }
        standing = self._insert(list(items.values()))
        for key, item, stands in zip(list(items), list(items.values()), standing, strict=True):
            if stands is not None:
                items[key] = stands if is_live(stands, now) else self._overwrite(item, now)
        return [_journey_of(items[journey.sub, journey.id]) for journey in journeys]

    def get(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Journey]:
        """Return the journeys that stand."""
        items = self._table.batch_get([(sub, _JOURNEY + id) for sub, id in keys])
        return {(journey.sub, journey.id): journey for journey in self._live(items)}

    def of(self, sub: str) -> list[Journey]:
        """Return every journey of a subscriber, in the order of their ids."""
        values = {":sub": {"S": sub}, ":kind": {"S": _JOURNEY}}
        return list(self._live(self._table.query("pk = :sub AND begins_with(sk, :kind)", values)))

    def replace(self, journeys: Sequence[Journey]) -> list[bool]:
        """Write each journey whose stored revision is its own; tell which were written.

        A write whose answer was lost is told as not written, even where the stored journey is equal: it looks the
        same as another writer's, and of two claims only one may be told that it claimed.
        """
        now = self._clock.wall()
        items = [_journey_item(journey, now) for journey in journeys]
        stored: list[Item] = [{"rev": {"N": str(journey.revision)}} for journey in journeys]
        return self._statements.update(items, stored, now)

    def all(self) -> Iterable[Journey]:
        """Return every journey, reading the whole table."""
        return self._live(item for item in self._table.scan() if item["sk"]["S"].startswith(_JOURNEY))

    def marks(self) -> Iterable[Mark]:
        """Return every mark, reading the whole table."""
        now = self._clock.wall()
        for item in self._table.scan():
            sub, kind = item["pk"]["S"], item["sk"]["S"]
            if kind.startswith(_MARK) and is_live(item, now):
                yield Mark(sub, kind.removeprefix(_MARK), int(item["ts"]["N"]), None)

    def _live(self, items: Iterable[Item]) -> Iterator[Journey]:
        now = self._clock.wall()
        return (_journey_of(item) for item in items if is_live(item, now))

    def _insert(self, items: Sequence[Item]) -> list[Item | None]:
        """Write what does not stand yet; return None for what was written, else what stands, expired or not."""
        written = self._statements.insert(items)
        refused = [_key_of(item) for item, done in zip(items, written, strict=True) if not done]
        stands = {_key_of(item): item for item in self._table.batch_get(refused)}
        return [
            # An item deleted since it refused the write is one that had expired.
            None if done else stands.get(_key_of(item), {"expires_at": {"N": "0"}})
            for item, done in zip(items, written, strict=True)
        ]

    def _overwrite(self, item: Item, now: int) -> Item:
        """Write a journey over an expired one; return what then stands."""
        try:
            self._table.put(item, _ABSENT, {":now": {"N": str(now)}})
        except Refused as refused:
            return refused.item
        return item

    def _judge(self, mark: Mark, stands: Item | None, now: int) -> MarkResult:
        if stands is None:
            return "entered"
        if is_live(stands, now) and not _may_enter(mark, stands):
            return _refusal(mark, stands)
        condition, values = _ABSENT, {":now": {"N": str(now)}}
        if mark.reentry_hours is not None:
            condition += " OR ts <= :limit"
            values[":limit"] = {"N": str(mark.trigger_ts - mark.reentry_hours * HOUR_MS)}
        try:
            self._table.put(_mark_item(mark, now), condition, values)
        except Refused as refused:
            return _refusal(mark, refused.item)
        return "entered"


def _may_enter(mark: Mark, stands: Item) -> bool:
    last = int(stands["ts"]["N"])
    return mark.reentry_hours is not None and last <= mark.trigger_ts - mark.reentry_hours * HOUR_MS


def _refusal(mark: Mark, stands: Item) -> MarkResult:
    return "same" if int(stands["ts"]["N"]) == mark.trigger_ts else "spent"


def _mark_item(mark: Mark, now: int) -> Item:
    return {
        "pk": {"S": mark.sub},
        "sk": {"S": _MARK + mark.campaign},
        "ts": {"N": str(mark.trigger_ts)},
        "expires_at": {"N": str(now + expiry.JOURNEYS)},
    }


def _journey_item(journey: Journey, now: int) -> Item:
    return {
        "pk": {"S": journey.sub},
        "sk": {"S": _JOURNEY + journey.id},
        "rev": {"N": str(journey.revision + 1)},
        "doc": {"S": encode_journey(journey)},
        "expires_at": {"N": str(now + expiry.JOURNEYS)},
    }


def _journey_of(item: Item) -> Journey:
    return decode_journey(item["doc"]["S"], int(item["rev"]["N"]))


def _key_of(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
