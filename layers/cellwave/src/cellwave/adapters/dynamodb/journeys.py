"""Journeys and marks: one table, pk the pseudonym.

| sk | attributes |
| `J#<journey id>` | `rev` revision, `doc` canonical form (contracts/journey.py), `expires_at` |
| `M#<campaign>` | `ts` the last trigger time, `expires_at` |

Every write is one PutItem under its own condition, several at a time (docs/adr/0004-conditional-writes.md).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cellwave.adapters import expiry
from cellwave.adapters.dynamodb.items import Item, Refused, Table, is_live
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
_UNCHANGED: Final = "rev = :rev AND expires_at > :now"


class DynamoJourneyStore:
    """JourneyStore on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock):
        self._table = Table(client, table)
        self._clock = clock

    def mark(self, marks: Sequence[Mark]) -> list[MarkResult]:
        """Set each mark and tell the result."""
        return each(self._mark, marks)

    def create(self, journeys: Sequence[Journey]) -> list[Journey]:
        """Write each journey that does not stand yet, and return what then stands."""
        return each(self._create, journeys)

    def get(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Journey]:
        """Return the journeys that stand."""
        items = self._table.batch_get([(sub, _JOURNEY + id) for sub, id in keys])
        return {(journey.sub, journey.id): journey for journey in self._live(items)}

    def of(self, sub: str) -> list[Journey]:
        """Return every journey of a subscriber, in the order of their ids."""
        values = {":sub": {"S": sub}, ":kind": {"S": _JOURNEY}}
        return list(self._live(self._table.query("pk = :sub AND begins_with(sk, :kind)", values)))

    def replace(self, journeys: Sequence[Journey]) -> list[bool]:
        """Write each journey whose stored revision is its own; tell which were written."""
        return each(self._replace, journeys)

    def all(self) -> Iterable[Journey]:
        """Return every journey, reading the whole table."""
        return self._live(item for item in self._table.scan() if item["sk"]["S"].startswith(_JOURNEY))

    def _live(self, items: Iterable[Item]) -> Iterator[Journey]:
        now = self._clock.wall()
        return (_journey_of(item) for item in items if is_live(item, now))

    def _item(self, journey: Journey, now: int) -> Item:
        return {
            "pk": {"S": journey.sub},
            "sk": {"S": _JOURNEY + journey.id},
            "rev": {"N": str(journey.revision + 1)},
            "doc": {"S": encode_journey(journey)},
            "expires_at": {"N": str(now + expiry.JOURNEYS)},
        }

    def _create(self, journey: Journey) -> Journey:
        now = self._clock.wall()
        item = self._item(replace(journey, revision=0), now)
        try:
            self._table.put(item, _ABSENT, {":now": {"N": str(now)}})
        except Refused as refused:
            item = refused.item
        return _journey_of(item)

    def _replace(self, journey: Journey) -> bool:
        now = self._clock.wall()
        values = {":now": {"N": str(now)}, ":rev": {"N": str(journey.revision)}}
        try:
            self._table.put(self._item(journey, now), _UNCHANGED, values)
        except Refused:
            # Even where the stored journey is equal: a write whose answer was lost looks the same as another
            # writer's, and of two claims only one may be told that it claimed.
            return False
        return True

    def _mark(self, mark: Mark) -> MarkResult:
        now = self._clock.wall()
        item: Item = {
            "pk": {"S": mark.sub},
            "sk": {"S": _MARK + mark.campaign},
            "ts": {"N": str(mark.trigger_ts)},
            "expires_at": {"N": str(now + expiry.JOURNEYS)},
        }
        condition, values = _ABSENT, {":now": {"N": str(now)}}
        if mark.reentry_hours is not None:
            condition += " OR ts <= :limit"
            values[":limit"] = {"N": str(mark.trigger_ts - mark.reentry_hours * HOUR_MS)}
        try:
            self._table.put(item, condition, values)
        except Refused as refused:
            return "same" if int(refused.item["ts"]["N"]) == mark.trigger_ts else "spent"
        return "entered"


def _journey_of(item: Item) -> Journey:
    return decode_journey(item["doc"]["S"], int(item["rev"]["N"]))
