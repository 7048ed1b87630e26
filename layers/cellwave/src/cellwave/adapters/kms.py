"""Keys under KMS. What is stored of a key is wrapped; unwrapped it stays in memory."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from cellwave.adapters.dynamodb.items import Refused, Table
from cellwave.domain.errors import NotFound
from cellwave.ports.keys import KEY_BYTES, DataKey, Purpose, SystemKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient

_FIRST: Final = "k1"


class KeyRing:
    """SystemKeys: wrapped under one KMS key, kept in the registry table (pk `key#<purpose>`, sk the key's id).

    The encryption context is `{"purpose": <purpose>}`, so that a function can be allowed to unwrap some only.
    """

    def __init__(self, kms: "KMSClient", kms_key: str, dynamodb: "DynamoDBClient", table: str):
        self._kms = kms
        self._kms_key = kms_key
        self._table = Table(dynamodb, table)
        self._lock = threading.Lock()
        self._newest: dict[Purpose, SystemKey] = {}
        self._keys: dict[tuple[Purpose, str], SystemKey] = {}

    def current(self, purpose: Purpose) -> SystemKey:
        """Return the newest key of a purpose (the greatest id), made now if there is none."""
        with self._lock:
            if purpose not in self._newest:
                self._newest[purpose] = self._unwrapped(purpose, *self._stored(purpose))
            return self._newest[purpose]

    def of(self, purpose: Purpose, key_id: str) -> SystemKey:
        """Return the key of this id. Raises NotFound."""
        with self._lock:
            if (purpose, key_id) in self._keys:
                return self._keys[purpose, key_id]
            item = self._table.get({"pk": {"S": f"key#{purpose}"}, "sk": {"S": key_id}})
            if item is None:
                raise NotFound(f"no {purpose} key {key_id}")
            return self._unwrapped(purpose, key_id, item["wrapped"]["B"])

    def _stored(self, purpose: Purpose) -> tuple[str, bytes]:
        pk = f"key#{purpose}"
        stored = list(self._table.query("pk = :pk", {":pk": {"S": pk}}))
        if stored:
            return stored[-1]["sk"]["S"], stored[-1]["wrapped"]["B"]
        wrapped = self._kms.generate_data_key_without_plaintext(
            KeyId=self._kms_key, NumberOfBytes=KEY_BYTES, EncryptionContext={"purpose": purpose}
        )["CiphertextBlob"]
        item = {"pk": {"S": pk}, "sk": {"S": _FIRST}, "wrapped": {"B": wrapped}}
        try:
            self._table.put(item, "attribute_not_exists(pk)")
        except Refused as refused:
            wrapped = refused.item["wrapped"]["B"]  # somebody else was first: that is the key
        return _FIRST, wrapped

    def _unwrapped(self, purpose: Purpose, key_id: str, wrapped: bytes) -> SystemKey:
        material = _decrypt(self._kms, self._kms_key, wrapped, {"purpose": purpose})
        key = self._keys[purpose, key_id] = SystemKey(key_id, material)
        return key


class KmsDataKeys:
    """DataKeys under one KMS key."""

    def __init__(self, kms: "KMSClient", kms_key: str):
        self._kms = kms
        self._kms_key = kms_key

    def new(self, context: Mapping[str, str]) -> DataKey:
        """Return a new key."""
        made = self._kms.generate_data_key(KeyId=self._kms_key, NumberOfBytes=KEY_BYTES, EncryptionContext=context)
        return DataKey(made["Plaintext"], made["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the key that was wrapped. Raises NotFound."""
        return _decrypt(self._kms, self._kms_key, wrapped, context)


def _decrypt(kms: "KMSClient", kms_key: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
    try:
        return kms.decrypt(KeyId=kms_key, CiphertextBlob=wrapped, EncryptionContext=context)["Plaintext"]
    except kms.exceptions.InvalidCiphertextException:
        raise NotFound("no key was wrapped like this under this context") from None
