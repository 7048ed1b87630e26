"""A queue and a channel API that do as the real ones do, in memory."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cellwave_ops.channels.client import ApiError


class FakeQueue:
    """SQS, one queue: what is received is seen again until it is deleted."""

    def __init__(self, *bodies: str) -> None:
        self.messages = {f"handle-{number}": body for number, body in enumerate(bodies)}
        self._receives: Counter[str] = Counter()

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        assert asked["MaxNumberOfMessages"] <= 10
        found = list(self.messages.items())[: asked["MaxNumberOfMessages"]]
        self._receives.update(handle for handle, _ in found)
        return {
            "Messages": [
                {
                    "ReceiptHandle": handle,
                    "Body": body,
                    "Attributes": {"ApproximateReceiveCount": str(self._receives[handle])},
                }
                for handle, body in found
            ]
        }

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, str]]) -> None:  # noqa: N803
        for entry in Entries:
            del self.messages[entry["ReceiptHandle"]]


class FakeApi:
    """The channel API: every touch can be claimed once, unless its verdict is given; what fails is given too."""

    def __init__(self) -> None:
        self.verdicts: dict[str, str] = {}
        self.refusals: dict[str, int] = {}
        """Status by path."""
        self.offers: list[dict[str, str]] = []
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._lock = threading.Lock()

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.calls.append((path, body))
            if path in self.refusals:
                raise ApiError(path, self.refusals[path], {"title": "no"})
            if path == "/v1/offers":
                return {"items": self.offers}
            if path == "/v1/outcomes":
                return {}
            verdict = self.verdicts.get(body["touch"], "claimed")
            if verdict == "claimed":
                self.verdicts[body["touch"]] = "already_claimed"
                return {"status": verdict, "number": "999850001234", "text": f"words for {body['touch']}"}
            return {"status": verdict, "number": "", "text": ""}

    def outcomes(self) -> list[tuple[str, str]]:
        """Touch and outcome of every report."""
        return [(body["touch"], body["outcome"]) for path, body in self.calls if path == "/v1/outcomes"]
