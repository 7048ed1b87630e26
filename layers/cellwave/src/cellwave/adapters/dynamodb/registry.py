"""What is published: rulesets as immutable objects, and one item that points to the current one.

Objects are `rulesets/<version>-<hash>.json`: a publisher that dies before it moves the pointer leaves an object that
nobody reads, and stands in nobody's way. The pointer: pk `ruleset`, sk `current`, `version`, `key`.
"""

import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cellwave.adapters.dynamodb.items import Item, Refused, Table
from cellwave.contracts.ruleset import decode_ruleset, encode_ruleset
from cellwave.domain.errors import Conflict
from cellwave.domain.ruleset import Ruleset
from cellwave.ports.delivery import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_POINTER: Final[Item] = {"pk": {"S": "ruleset"}, "sk": {"S": "current"}}


class DynamoRegistry:
    """Registry on DynamoDB and an ObjectStore.

    `current` looks at the pointer at most every `refresh` seconds of `monotonic`, and reads a ruleset once.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        objects: ObjectStore,
        refresh: float,
        monotonic: Callable[[], float] = time.monotonic,
    ):
        self._table = Table(client, table)
        self._objects = objects
        self._refresh = refresh
        self._monotonic = monotonic
        self._ruleset = Ruleset()
        self._looked: float | None = None

    def current(self) -> Ruleset:
        """Return the current ruleset, as it stood at most `refresh` seconds ago."""
        now = self._monotonic()
        if self._looked is None or now - self._looked >= self._refresh:
            pointer = self._table.get(_POINTER)
            if pointer is not None and int(pointer["version"]["N"]) != self._ruleset.version:
                self._ruleset = decode_ruleset(self._objects.get(pointer["key"]["S"]))
            self._looked = now
        return self._ruleset

    def publish(self, ruleset: Ruleset) -> None:
        """Store the ruleset and move the pointer to it. Raises Conflict; the same ruleset again is harmless."""
        body = encode_ruleset(ruleset)
        key = f"rulesets/{ruleset.version:06d}-{hashlib.sha256(body).hexdigest()[:16]}.json"
        self._objects.put_new(key, body)
        item = {**_POINTER, "version": {"N": str(ruleset.version)}, "key": {"S": key}}
        first = ruleset.version == 1
        condition = "attribute_not_exists(pk)" if first else "version = :before"
        values = None if first else {":before": {"N": str(ruleset.version - 1)}}
        try:
            self._table.put(item, condition, values)
        except Refused as refused:
            if refused.item.get("key") == {"S": key}:
                return
            stands = refused.item.get("version", {"N": "0"})["N"]
            raise Conflict(f"the ruleset stands at {stands}, not {ruleset.version - 1}") from None
        finally:
            self._looked = None
