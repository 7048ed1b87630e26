"""The channel API as a channel system calls it: signed requests, answers as they come."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cellwave.domain.errors import CellwaveError

_TRIES: Final = 5
_FIRST_PAUSE_S: Final = 0.1

Pause = Callable[[float], None]


class ApiError(CellwaveError):
    """The API refused a request, or did not answer it (status 0), after several tries."""

    def __init__(self, path: str, status: int, content: Mapping[str, Any]):
        self.status = status
        said = f"answered {status}" if status else "did not answer"
        super().__init__(f"the channel API {said} at {path}: {content.get('title', 'no reason given')}")

    @property
    def is_final(self) -> bool:
        """Tell whether the same request would be refused again, however often it is sent."""
        return self.status in (400, 404)


class ChannelApi(Protocol):
    """Claims, outcomes, offers."""

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a body and return the answer. Raises ApiError."""
        ...


class SignedApi:
    """The API over HTTP, requests signed with AWS Signature Version 4 for `execute-api`.

    A request that got no answer, 409, 429 or 5xx is sent again: every effect behind the API has a deterministic id.
    """

    def __init__(self, base_url: str, credentials: Credentials, region: str, pause: Pause = time.sleep):
        self._base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._region = region
        self._pause = pause
        self._pool = urllib3.PoolManager(maxsize=16, retries=False, timeout=urllib3.Timeout(connect=10, read=30))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a body and return the answer. Raises ApiError."""
        status, content = self._once(path, body)
        for attempt in range(1, _TRIES):
            if 0 < status < 500 and status not in (409, 429):
                break
            self._pause(_FIRST_PAUSE_S * 2 ** (attempt - 1))
            status, content = self._once(path, body)
        if status != 200:
            raise ApiError(path, status, content)
        return content

    def _once(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status (0: no answer) and content."""
        url = self._base_url + path
        request = AWSRequest(
            method="POST",
            url=url,
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        # Frozen for each request: on AWS they expire and are renewed while a channel system runs.
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        try:
            answer = self._pool.request("POST", url, body=request.data, headers=dict(request.headers))
        except urllib3.exceptions.HTTPError as error:
            return 0, {"title": type(error).__name__}
        try:
            content = json.loads(answer.data or b"{}")
        except ValueError:
            content = {"title": answer.data[:200].decode(errors="replace")}
        return answer.status, content if isinstance(content, dict) else {}
