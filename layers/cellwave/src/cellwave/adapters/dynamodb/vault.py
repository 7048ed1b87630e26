"""The vault: pk the pseudonym, `key` the vault key's id, `sealed` nonce and AES-GCM of the MSISDN.

The pseudonym is authenticated with the number, so that nobody can swap two items. Nothing in it expires.
"""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from cellwave.adapters.dynamodb.items import Item, Table
from cellwave.domain.errors import NotFound
from cellwave.ports.keys import SystemKey, SystemKeys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from mypy_boto3_dynamodb import DynamoDBClient

_NONCE: Final = 12


class DynamoVault:
    """Vault on DynamoDB, under the vault key. Raises cryptography's InvalidTag for an item that was tampered with."""

    def __init__(self, client: "DynamoDBClient", table: str, keys: SystemKeys):
        self._table = Table(client, table)
        self._keys = keys

    def put(self, numbers: Mapping[str, str]) -> None:
        """Store pseudonym -> canonical MSISDN, encrypted."""
        key = self._keys.current("vault")
        cipher = _cipher(key)

        def item(sub: str, number: str) -> Item:
            nonce = secrets.token_bytes(_NONCE)
            sealed = nonce + cipher.encrypt(nonce, number.encode(), sub.encode())
            return {"pk": {"S": sub}, "key": {"S": key.id}, "sealed": {"B": sealed}}

        self._table.batch_put([item(sub, number) for sub, number in numbers.items()])

    def number(self, sub: str) -> str:
        """Return the MSISDN of a pseudonym. Raises NotFound."""
        item = self._table.get({"pk": {"S": sub}})
        if item is None:
            raise NotFound("no such touch: nobody is known under its pseudonym")
        sealed = item["sealed"]["B"]
        cipher = _cipher(self._keys.of("vault", item["key"]["S"]))
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], sub.encode()).decode()


def _cipher(key: SystemKey) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key.material)
