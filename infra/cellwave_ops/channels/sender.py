"""A reference channel system: polls its queue, claims each touch, sends, reports.

This is what an SMS centre, push gateway or outbound-call desk does. It is at most once at the edge, as texts and
calls must be: it deletes a message only after the claim has been used, and a touch that was claimed but not
confirmed is never sent again.

    receive -> claim -> "claimed": send, report "sent", delete
                     -> "revoked", "expired": delete, nothing leaves
                     -> "already_claimed": an earlier run claimed it and died: delete, nothing leaves
    a message that is no touch is left alone: after its receives are spent it lies in the DLQ
    no answer from the API: stop, for each look at a message spends one of its receives
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellwave_ops.channels.client import ApiError, ChannelApi
from cellwave_ops.channels.counts import Counts
from cellwave_ops.channels.public import Agenda, reply

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Send = Callable[[str, str, str], None]
"""Hands a text to the network: touch id (the key for whoever deduplicates), number, text."""


def outbox(path: Path) -> Send:
    """Return a `Send` that appends to a file, the number masked: the demo's network."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def send(touch: str, number: str, text: str) -> None:
        line = json.dumps({"touch": touch, "to": f"…{number[-2:]}", "text": text}, ensure_ascii=False)
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    return send


@dataclass(slots=True)
class Sender:
    """One channel's system. `seed` None: nobody answers, as with a real network that reports by itself."""

    channel: str
    queue_url: str
    sqs: "SQSClient"
    api: ChannelApi
    send: Send
    now: Callable[[], int]
    seed: int | None = None
    workers: int = 4
    counts: Counts = field(default_factory=Counts)
    agenda: Agenda = field(default_factory=Agenda)

    def poll(self, wait_seconds: int) -> int:
        """Receive once (long poll), work the messages off, report the answers that are due; return how many came.

        Raises ApiError where the API does not answer.
        """
        received = self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        ).get("Messages", [])
        with ThreadPoolExecutor(self.workers) as pool:
            done = [handle for handle in pool.map(self._work_off, received) if handle]
            self._delete(done)
            list(pool.map(self._report, self.agenda.due(self.now())))
        return len(received)

    def _work_off(self, message: Mapping[str, Any]) -> str | None:
        """Work one message off; return the handle by which it is deleted, None to see it again."""
        touch = _touch(message)
        if touch is None:
            self._leave(message)
            return None
        try:
            claimed = self.api.post("/v1/claims", {"touch": touch})
        except ApiError as error:
            if not error.status:
                raise
            if error.is_final:
                self._leave(message)
            else:
                self.counts.add("failed")
            return None
        self.counts.add(claimed["status"])
        if claimed["status"] == "claimed":
            self._deliver(touch, claimed)
        return str(message["ReceiptHandle"])

    def _leave(self, message: Mapping[str, Any]) -> None:
        """Leave a poison message alone; it counts once, however often it comes."""
        if message["Attributes"]["ApproximateReceiveCount"] == "1":
            self.counts.add("poison")

    def _deliver(self, touch: str, claimed: Mapping[str, Any]) -> None:
        answer = reply(self.seed, self.channel, touch) if self.seed is not None else None
        if answer is not None and answer.answer == "undeliverable":
            self._outcome(touch, "undeliverable", self.now())
            return
        self.send(touch, claimed["number"], claimed["text"])
        self._outcome(touch, "sent", self.now())
        if answer is not None and answer.answer:
            self.agenda.add(self.now() + answer.after, touch, answer.answer)

    def _report(self, due: tuple[int, str, str]) -> None:
        at, touch, answer = due
        self._outcome(touch, answer, at)

    def _outcome(self, touch: str, outcome: str, at: int) -> None:
        body = {"touch": touch, "outcome": outcome, "channel": self.channel, "at": at}
        try:
            self.api.post("/v1/outcomes", body)
        except ApiError as error:
            self.counts.add("failed")
            if not error.is_final:
                self.agenda.add(at, touch, outcome)
        else:
            self.counts.add(outcome)

    def _delete(self, handles: Sequence[str]) -> None:
        if handles:
            entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
            self.sqs.delete_message_batch(QueueUrl=self.queue_url, Entries=entries)  # type: ignore[arg-type]


def _touch(message: Mapping[str, Any]) -> str | None:
    try:
        body = json.loads(message["Body"])
    except (ValueError, RecursionError):  # RecursionError: brackets by the thousand
        return None
    touch = body.get("touch") if isinstance(body, dict) else None
    return touch if isinstance(touch, str) else None
