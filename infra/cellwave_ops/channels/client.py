"""The channel API as a channel system calls it: signed requests, answers as they come."""

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials

_TRIES: Final = 5


class ApiError(Exception):
    """The API refused a request, or did not answer it after several tries."""

    def __init__(self, path: str, status: int, content: Mapping[str, Any]):
        self.status = status
        super().__init__(f"{path} answered {status}: {content.get('title', '')}")


class ChannelApi(Protocol):
    """Claims, outcomes, offers."""

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a body and return the answer. Raises ApiError."""
        ...


class SignedApi:
    """The API over HTTP, requests signed with AWS Signature Version 4 for `execute-api`.

    A request that got no answer, 409 or 5xx is sent again: every effect behind the API has a deterministic id.
    """

    def __init__(self, base_url: str, credentials: Credentials | ReadOnlyCredentials, region: str):
        self._base_url = base_url.rstrip("/")
        self._signer = SigV4Auth(credentials, "execute-api", region)
        retries = urllib3.Retry(total=_TRIES, status=0, backoff_factor=0.1, allowed_methods=None)
        self._pool = urllib3.PoolManager(maxsize=16, retries=retries, timeout=urllib3.Timeout(30))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a body and return the answer. Raises ApiError."""
        for attempt in range(_TRIES):
            status, content = self._once(path, body)
            if status == 200:
                return content
            if attempt == _TRIES - 1 or (status < 500 and status != 409):
                break
        raise ApiError(path, status, content)

    def _once(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        request = AWSRequest(
            method="POST",
            url=self._base_url + path,
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        self._signer.add_auth(request)
        answer = self._pool.request("POST", self._base_url + path, body=request.data, headers=dict(request.headers))
        try:
            content = json.loads(answer.data or b"{}")
        except ValueError:
            content = {"title": answer.data[:200].decode(errors="replace")}
        return answer.status, content if isinstance(content, dict) else {}
