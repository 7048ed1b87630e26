"""The ledger: pk the pseudonym, sk the outcome's id, the rest as attributes. Nothing in it expires."""

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from cellwave.adapters.dynamodb.items import Item, Refused, Table
from cellwave.domain.outcomes import Outcome

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEYS: Final = {"sub": "pk", "id": "sk"}
_NUMBERS: Final = frozenset(field.name for field in fields(Outcome) if field.type is int)
_ATTRIBUTES: Final = {field.name: _KEYS.get(field.name, field.name) for field in fields(Outcome)}


class DynamoLedger:
    """Ledger on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str):
        self._table = Table(client, table)

    def append(self, outcome: Outcome) -> bool:
        """Write an outcome; False where it stood already."""
        try:
            self._table.put(_item_of(outcome), "attribute_not_exists(pk)")
        except Refused:
            return False
        return True

    def of(self, sub: str) -> list[Outcome]:
        """Return a subscriber's outcomes in the order of their stream time, equal ones by id."""
        found = map(_outcome_of, self._table.query("pk = :sub", {":sub": {"S": sub}}))
        return sorted(found, key=lambda outcome: (outcome.ts, outcome.id))

    def all(self) -> Iterable[Outcome]:
        """Return every outcome, reading the whole table."""
        return map(_outcome_of, self._table.scan())


def _item_of(outcome: Outcome) -> Item:
    return {
        attribute: {"N" if name in _NUMBERS else "S": str(getattr(outcome, name))}
        for name, attribute in _ATTRIBUTES.items()
    }


def _outcome_of(item: Item) -> Outcome:
    values: dict[str, Any] = {
        name: int(item[attribute]["N"]) if name in _NUMBERS else item[attribute]["S"]
        for name, attribute in _ATTRIBUTES.items()
    }
    return Outcome(**values)
