"""Objects on S3. Encryption (SSE-KMS) is the bucket's default; listing and reading are consistent."""

from collections.abc import Iterator, Sequence
from os.path import commonprefix
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
        """Delete objects for good: every version of each, where the bucket keeps versions.

        Needs s3:ListBucketVersions and s3:DeleteObjectVersion.
        """
        found = [identifier for folder in _by_folder(keys) for identifier in self._versions(folder)]
        for start in range(0, len(found), MAX_DELETE):
            objects = found[start : start + MAX_DELETE]
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            for error in answer.get("Errors", []):
                raise refused("DeleteObjects", error.get("Code", ""), error.get("Message", ""))

    def _versions(self, keys: Sequence[str]) -> "Iterator[ObjectIdentifierTypeDef]":
        """Yield every version and delete marker of these keys; one of id `null` where the bucket keeps none."""
        wanted = set(keys)
        prefix = commonprefix(list(keys))  # noqa: RUF071 - S3 prefixes go by characters, too
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                if entry["Key"] in wanted:
                    yield {"Key": entry["Key"], "VersionId": entry["VersionId"]}


def _by_folder(keys: Sequence[str]) -> list[list[str]]:
    """Group keys by what is before their last slash, so that a listing shows little but what is looked for."""
    folders: dict[str, list[str]] = {}
    for key in keys:
        folders.setdefault(key.rpartition("/")[0], []).append(key)
    return list(folders.values())
