"""Objects on S3. Encryption (SSE-KMS) is the bucket's default; listing and reading are consistent."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from cellwave.adapters.retries import attempts, refused
from cellwave.domain.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

MAX_DELETE: Final = 1000
_EXISTS: Final = "PreconditionFailed"
_UNDECIDED: Final = "ConditionalRequestConflict"


class S3ObjectStore:
    """ObjectStore on one S3 bucket."""

    def __init__(self, client: "S3Client", bucket: str):
        self._client = client
        self._bucket = bucket

    def put_new(self, key: str, body: bytes) -> bool:
        """Create an object; False where the key exists."""
        for _ in attempts("PutObject", _UNDECIDED):
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == _EXISTS:
                    return False
                if code != _UNDECIDED:  # two writers at once, and S3 leaves it open who was first: ask again
                    raise
            else:
                break
        return True

    def get(self, key: str) -> bytes:
        """Return an object's content. Raises NotFound."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            raise NotFound(f"no object {key}") from None

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, sorted."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects."""
        for start in range(0, len(keys), MAX_DELETE):
            objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[start : start + MAX_DELETE]]
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            for error in answer.get("Errors", []):
                raise refused("DeleteObjects", error.get("Code", ""), error.get("Message", ""))
