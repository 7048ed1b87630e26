"""Items: conditional writes, batches that finish, and what has expired left out."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from cellwave.adapters.parallel import each
from cellwave.adapters.retries import attempts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
"""An item as DynamoDB's API has it: `{name: {type: value}}`."""

MAX_GET: Final = 100
MAX_WRITE: Final = 25
_THROTTLED: Final = "ProvisionedThroughputExceededException"


class Refused(Exception):
    """A write's condition did not hold; `item` is what stands, empty where nothing does."""

    def __init__(self, item: Item):
        super().__init__("the condition did not hold")
        self.item = item


class Table:
    """One table: the requests that the stores make of it."""

    def __init__(self, client: "DynamoDBClient", name: str):
        self._client = client
        self._name = name

    def get(self, key: Item) -> Item | None:
        """Return an item (consistent), None where there is none."""
        return self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")

    def batch_get(self, keys: Collection[tuple[str, str]]) -> list[Item]:
        """Return the items of these (pk, sk) that exist (consistent), in any order; a key may be repeated."""
        unique = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in dict.fromkeys(keys)]
        chunks = [unique[start : start + MAX_GET] for start in range(0, len(unique), MAX_GET)]
        return [item for items in each(self._get_chunk, chunks) for item in items]

    def batch_put(self, items: Sequence[Item]) -> None:
        """Write items, each over whatever stands."""
        chunks = [items[start : start + MAX_WRITE] for start in range(0, len(items), MAX_WRITE)]
        each(self._put_chunk, chunks)

    def put(self, item: Item, condition: str, values: Item | None = None) -> None:
        """Write an item under a condition. Raises Refused."""
        with_values = {"ExpressionAttributeValues": values} if values else {}
        self._conditional("put_item", Item=item, ConditionExpression=condition, **with_values)

    def update(self, key: Item, expression: str, values: Item) -> None:
        """Update an item, whatever stands."""
        self._client.update_item(
            TableName=self._name,
            Key=key,
            UpdateExpression=expression,
            ExpressionAttributeValues=values,
        )

    def delete(self, key: Item, condition: str, values: Item) -> None:
        """Delete an item under a condition. Raises Refused."""
        self._conditional("delete_item", Key=key, ConditionExpression=condition, ExpressionAttributeValues=values)

    def query(self, condition: str, values: Item) -> Iterator[Item]:
        """Yield the items of a key condition (consistent), in the order of their sort key."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def scan(self) -> Iterator[Item]:
        """Yield every item (consistent)."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._name, ConsistentRead=True)
        for page in pages:
            yield from page["Items"]

    def _conditional(self, operation: str, **arguments: Any) -> None:
        try:
            getattr(self._client, operation)(
                TableName=self._name, ReturnValuesOnConditionCheckFailure="ALL_OLD", **arguments
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            # The item that stands comes beside the error, where botocore's types do not look for it.
            raise Refused(cast(Item, error.response.get("Item", {}))) from error

    def _get_chunk(self, keys: Sequence[Item]) -> list[Item]:
        found: list[Item] = []
        missing = list(keys)
        for _ in attempts("BatchGetItem", _THROTTLED):
            # A response ends at 16 MB: what is left then is no refusal, so as long as something comes it goes on.
            before = -1
            while missing and before != len(missing):
                before = len(missing)
                answer = self._client.batch_get_item(
                    RequestItems={self._name: {"Keys": missing, "ConsistentRead": True}}
                )
                found.extend(answer["Responses"].get(self._name, []))
                left = answer["UnprocessedKeys"]
                missing = list(left[self._name]["Keys"]) if left else []
            if not missing:
                break
        return found

    def _put_chunk(self, items: Sequence[Item]) -> None:
        left: Mapping[str, Sequence[Any]] = {self._name: [{"PutRequest": {"Item": item}} for item in items]}
        for _ in attempts("BatchWriteItem", _THROTTLED):
            left = self._client.batch_write_item(RequestItems=left).get("UnprocessedItems", {})
            if not left:
                break


def is_live(item: Item, now: int) -> bool:
    """Tell whether an item has not expired at wall time `now` (s). Deletion by TTL may take days; this is at once."""
    return "expires_at" not in item or int(item["expires_at"]["N"]) > now
