"""The channel API over HTTP: signed, tried again where that helps, never where it does not."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.credentials import Credentials

from cellwave_ops.channels.client import ApiError, SignedApi


class Server(ThreadingHTTPServer):
    """Answers from a list of statuses, the last one again and again; 0 hangs up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = [200]
        self.answer = b'{"status": "claimed"}'
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
        status = self.server.statuses.pop(0) if len(self.server.statuses) > 1 else self.server.statuses[0]
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def api(server: Server, pauses: list[float]) -> SignedApi:
    return SignedApi(f"{server.url}/", Credentials("AKID", "secret", "token"), "eu-west-1", pauses.append)


def test_a_request_is_signed_for_the_api_and_carries_its_body(api: SignedApi, server: Server) -> None:
    assert api.post("/v1/claims", {"touch": "ä"}) == {"status": "claimed"}
    [(path, headers, body)] = server.asked
    assert (path, body) == ("/v1/claims", {"touch": "ä"})
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/eu-west-1/execute-api/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "token"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [0, 409, 429, 500, 503])
def test_what_may_go_well_next_time_is_sent_again_after_a_pause(
    api: SignedApi, server: Server, pauses: list[float], status: int
) -> None:
    server.statuses = [status, status, 200]
    assert api.post("/v1/claims", {}) == {"status": "claimed"}
    assert len(server.asked) == 3
    assert pauses == [0.1, 0.2]


@pytest.mark.parametrize("status", [0, 409, 500])
def test_after_five_tries_it_says_what_happened(api: SignedApi, server: Server, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(ApiError) as raised:
        api.post("/v1/claims", {})
    assert len(server.asked) == 5
    assert raised.value.status == status
    assert not raised.value.is_final


@pytest.mark.parametrize(("status", "is_final"), [(400, True), (404, True), (403, False), (302, False)])
def test_a_refusal_is_not_sent_again(api: SignedApi, server: Server, status: int, is_final: bool) -> None:
    server.statuses = [status]
    server.answer = b'{"title": "no such touch"}'
    with pytest.raises(ApiError, match=f"answered {status} at /v1/claims: no such touch") as raised:
        api.post("/v1/claims", {})
    assert len(server.asked) == 1
    assert raised.value.is_final is is_final


@pytest.mark.parametrize("answer", [b"<html>bad gateway</html>", b"[]", b""])
def test_an_answer_that_is_no_problem_document_is_told_as_it_is(api: SignedApi, server: Server, answer: bytes) -> None:
    server.statuses, server.answer = [403], answer
    with pytest.raises(ApiError, match="answered 403"):
        api.post("/v1/claims", {})


def test_an_api_that_is_not_there_is_said_not_to_answer(pauses: list[float]) -> None:
    with Server() as server:
        url = server.url
    with pytest.raises(ApiError, match="did not answer") as raised:
        SignedApi(url, Credentials("a", "b"), "us-east-1", pauses.append).post("/v1/claims", {"msisdn": "999850001234"})
    assert raised.value.status == 0
    assert "99985" not in str(raised.value)
    assert pauses == [0.1, 0.2, 0.4, 0.8]
