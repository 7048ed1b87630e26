"""Queues of the active channels on SQS. A message's body is `{"version": 1, "touch", "channel"}` and no more."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from cellwave.adapters.retries import attempts, refused
from cellwave.ports.journeys import Placement

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

VERSION: Final = 1
MAX_BATCH: Final = 10


class SqsChannelQueues:
    """ChannelQueues on SQS: `urls` names the queue of each channel."""

    def __init__(self, client: "SQSClient", urls: Mapping[str, str]):
        self._client = client
        self._urls = urls

    def send(self, placements: Sequence[Placement]) -> None:
        """Queue these touches. Raises ValueError, and sends nothing, for a channel that has no queue."""
        bodies: dict[str, list[str]] = {}
        for placement in placements:
            if placement.channel not in self._urls:
                raise ValueError(f"the channel {placement.channel} has no queue")
            body = {"version": VERSION, "touch": placement.touch, "channel": placement.channel}
            bodies.setdefault(self._urls[placement.channel], []).append(json.dumps(body))
        for url, texts in bodies.items():
            for start in range(0, len(texts), MAX_BATCH):
                self._send(url, texts[start : start + MAX_BATCH])

    def _send(self, url: str, texts: Sequence[str]) -> None:
        left = {str(number): text for number, text in enumerate(texts)}
        for _ in attempts("SendMessageBatch", "ServiceUnavailable"):
            answer = self._client.send_message_batch(
                QueueUrl=url, Entries=[{"Id": id, "MessageBody": text} for id, text in left.items()]
            )
            failed = answer.get("Failed", [])
            for failure in failed:
                if failure["SenderFault"]:
                    raise refused("SendMessageBatch", failure["Code"], failure.get("Message", ""))
            left = {failure["Id"]: left[failure["Id"]] for failure in failed}
            if not left:
                return
