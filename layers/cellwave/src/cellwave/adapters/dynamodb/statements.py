"""Conditional writes, 25 a request, each judged alone: PartiQL by BatchExecuteStatement.

Why not one PutItem each: docs/adr/0004-conditional-writes.md.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from cellwave.adapters.dynamodb.items import Item
from cellwave.adapters.parallel import each
from cellwave.adapters.retries import attempts, refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

MAX_STATEMENTS: Final = 25
# Source: API reference of BatchStatementError.
_CONDITION: Final = ("ConditionalCheckFailed", "DuplicateItem")
_PASSING: Final = (
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingError",
    "TransactionConflict",
)


class Statements:
    """The statements that the stores make of one table. Of statements about one item in a call, make one only."""

    def __init__(self, client: "DynamoDBClient", table: str):
        self._client = client
        self._table = table

    def insert(self, items: Sequence[Item]) -> list[bool]:
        """Write each item if none of its key stands (expired or not); tell which were written."""
        return self._execute([self._insert(item) for item in items])

    def update(self, items: Sequence[Item], unless_changed: Sequence[Item], now: int) -> list[bool]:
        """Write the attributes of each item over the live one that has these values; tell which were written.

        `now` is wall time in seconds: what has expired by then counts as gone.
        """
        return self._execute(
            [self._update(item, values, now) for item, values in zip(items, unless_changed, strict=True)]
        )

    def _insert(self, item: Item) -> "BatchStatementRequestTypeDef":
        value = ", ".join(f"'{name}': ?" for name in item)
        return {
            "Statement": f'INSERT INTO "{self._table}" VALUE {{{value}}}',
            "Parameters": list(item.values()),
        }

    def _update(self, item: Item, values: Item, now: int) -> "BatchStatementRequestTypeDef":
        keys = {name: item[name] for name in ("pk", "sk")}
        changes = {name: value for name, value in item.items() if name not in keys}
        wanted: Mapping[str, object] = {**keys, **values}
        # Quoted, for an attribute may bear the name of a reserved word.
        sets = " ".join(f'SET "{name}"=?' for name in changes)
        where = " AND ".join(f'"{name}"=?' for name in wanted)
        return {
            "Statement": f'UPDATE "{self._table}" {sets} WHERE {where} AND "expires_at">?',
            "Parameters": [*changes.values(), *keys.values(), *values.values(), {"N": str(now)}],
        }

    def _execute(self, statements: Sequence["BatchStatementRequestTypeDef"]) -> list[bool]:
        chunks = [statements[start : start + MAX_STATEMENTS] for start in range(0, len(statements), MAX_STATEMENTS)]
        return [written for chunk in each(self._execute_chunk, chunks) for written in chunk]

    def _execute_chunk(self, statements: Sequence["BatchStatementRequestTypeDef"]) -> list[bool]:
        written = [False] * len(statements)
        left = list(range(len(statements)))
        for _ in attempts("BatchExecuteStatement", "ThrottlingError"):
            answer = self._client.batch_execute_statement(Statements=[statements[at] for at in left])
            again: list[int] = []
            for at, response in zip(left, answer["Responses"], strict=True):
                code = response.get("Error", {}).get("Code", "")
                written[at] = not code
                if code in _PASSING:
                    again.append(at)
                elif code and code not in _CONDITION:
                    raise refused("BatchExecuteStatement", code, response["Error"].get("Message", ""))
            left = again
            if not left:
                break
        return written
