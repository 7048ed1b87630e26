"""A standard queue costs the same with 100,000 messages waiting as with ten.

Stock ministack keeps a queue's messages in a list and walks all of it several times for each receive, delete
and change of visibility: with 100,000 waiting, 43 messages a second. It also replaces the list while other
threads append to it, so that a message sent meanwhile can be lost, and refuses to delete twice, which AWS
allows. Here a standard queue's messages are ordered by the time at which they become visible and found by
receipt handle. FIFO queues stay stock.
"""

from __future__ import annotations

import copy
import heapq
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import sqs

Message = dict[str, Any]

_RETENTION_SWEEP_S = 60.0
_HANDLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INVALID_HANDLE = "The input receipt handle is invalid."


class Backlog:
    """The messages of one standard queue, in place of the list to which other services append."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._lock = threading.RLock()
        self._numbers = count()
        self._messages: dict[int, Message] = {}
        self._handles: dict[str, int] = {}
        self._due: list[tuple[float, int]] = []  # (visible at, number); an entry that disagrees is stale
        self._swept_at = time.time()
        for message in messages:
            self.append(message)

    def append(self, message: Message) -> None:
        """Add a message, visible at its `visible_at`."""
        sqs._ensure_msg_fields(message)
        with self._lock:
            number = next(self._numbers)
            self._messages[number] = message
            heapq.heappush(self._due, (message["visible_at"], number))
            if message["receipt_handle"]:
                self._handles[message["receipt_handle"]] = number

    def receive(
        self, most: int, visibility_s: float, is_spent: Callable[[Message], bool]
    ) -> tuple[list[Message], list[Message]]:
        """Take up to `most` visible messages; returns them, and the spent ones that were met and removed."""
        now = time.time()
        taken: list[Message] = []
        spent: list[Message] = []
        with self._lock:
            while self._due and len(taken) < most and self._due[0][0] <= now:
                due, number = heapq.heappop(self._due)
                message = self._messages.get(number)
                if message is None or message["visible_at"] != due:
                    continue
                if is_spent(message):
                    self._drop(number)
                    spent.append(message)
                    continue
                self._take(number, message, now, visibility_s)
                taken.append(message)
        return taken, spent

    def _take(self, number: int, message: Message, now: float, visibility_s: float) -> None:
        self._handles.pop(message["receipt_handle"] or "", None)
        message["receipt_handle"] = new_uuid()
        message["receive_count"] += 1
        message["first_receive_at"] = message["first_receive_at"] or now
        self._handles[message["receipt_handle"]] = number
        self._show_at(number, message, now + visibility_s)

    def _show_at(self, number: int, message: Message, when: float) -> None:
        message["visible_at"] = when
        heapq.heappush(self._due, (when, number))

    def _drop(self, number: int) -> None:
        message = self._messages.pop(number)
        self._handles.pop(message["receipt_handle"] or "", None)

    def delete(self, handle: str) -> bool:
        """Delete the message last received under that handle; False if there is none."""
        with self._lock:
            number = self._handles.get(handle)
            if number is None:
                return False
            self._drop(number)
            return True

    def change_visibility(self, handle: str, visibility_s: float) -> bool:
        """Let a received message become visible so many seconds from now; False if there is none."""
        with self._lock:
            number = self._handles.get(handle)
            if number is None:
                return False
            self._show_at(number, self._messages[number], time.time() + visibility_s)
            return True

    def expire(self, retention_s: float) -> None:
        """Drop what is older than the retention, looking once a minute at most."""
        now = time.time()
        with self._lock:
            if now - self._swept_at < _RETENTION_SWEEP_S:
                return
            self._swept_at = now
            for number, message in list(self._messages.items()):
                if message["sent_at"] <= now - retention_s:
                    self._drop(number)

    def remove(self, message: Message) -> None:
        """Remove that very message."""
        with self._lock:
            for number, kept in self._messages.items():
                if kept is message:
                    self._drop(number)
                    return

    def clear(self) -> None:
        """Purge the queue."""
        with self._lock:
            self._messages.clear()
            self._handles.clear()
            self._due.clear()

    def __iter__(self) -> Iterator[Message]:
        with self._lock:
            return iter(list(self._messages.values()))

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, index: int) -> Message:
        return list(self)[index]

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Message]:
        return copy.deepcopy(list(self), memo)  # saved state holds plain lists


def apply() -> None:
    """Keep the messages of standard queues in a `Backlog`."""
    stock_expire, stock_collect, stock_sweep = sqs._expire_retained, sqs._collect_msgs, sqs._dlq_sweep

    def expire(queue: dict[str, Any]) -> None:
        if queue["is_fifo"]:
            stock_expire(queue)
        else:
            _backlog(queue).expire(float(queue["attributes"].get("MessageRetentionPeriod", "345600")))

    def collect(queue: dict[str, Any], most: int, visibility_s: int) -> Any:
        return stock_collect(queue, most, visibility_s) if queue["is_fifo"] else _receive(queue, most, visibility_s)

    def sweep(queue: dict[str, Any]) -> None:
        if queue["is_fifo"]:
            stock_sweep(queue)  # a standard queue moves its dead letters as it meets them

    sqs._expire_retained, sqs._collect_msgs, sqs._dlq_sweep = expire, collect, sweep
    _by_handle("DeleteMessage", lambda backlog, entry: _delete(backlog, entry["ReceiptHandle"]))
    _by_handle("ChangeMessageVisibility", _change_visibility)
    stock_delete = sqs._delete_messages_for_esm

    def delete_for_mapping(url: str, handles: set[str]) -> None:
        queue = sqs._get_q(url)
        if queue["is_fifo"]:
            stock_delete(url, handles)
        else:
            for handle in handles:
                _backlog(queue).delete(handle)

    sqs._delete_messages_for_esm = delete_for_mapping


def _backlog(queue: dict[str, Any]) -> Backlog:
    held = queue["messages"]
    if isinstance(held, Backlog):
        return held
    with sqs_wrapping:
        if not isinstance(queue["messages"], Backlog):
            known = len(held)
            queue["messages"] = Backlog(held[:known])
            for late in held[known:]:  # appended while it was being wrapped
                queue["messages"].append(late)
        wrapped: Backlog = queue["messages"]
    return wrapped


sqs_wrapping = threading.Lock()


def _receive(queue: dict[str, Any], most: int, visibility_s: float) -> list[Message]:
    policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
    dead_letters = sqs._queue_by_arn(policy.get("deadLetterTargetArn", ""))
    limit = int(policy.get("maxReceiveCount", 0)) if dead_letters is not None else 0
    taken, spent = _backlog(queue).receive(most, visibility_s, lambda message: 0 < limit <= message["receive_count"])
    for message in spent:
        source = queue["attributes"].get("QueueArn", "")
        moved = {**message, "receipt_handle": None, "visible_at": time.time()}
        moved["sys"] = {"DeadLetterQueueSourceArn": source, **message.get("sys", {})}
        dead_letters["messages"].append(moved)
        sqs.esm_wake.set()
    return taken


def _by_handle(action: str, act: Callable[[Backlog, dict[str, Any]], bool]) -> None:
    """Replace an action on a receipt handle and its batch form."""
    stock_one, stock_batch = sqs._HANDLERS[action], sqs._HANDLERS[f"{action}Batch"]
    permission = f"sqs:{action}"

    def one(data: dict[str, Any], url: str) -> Any:
        queue = sqs._get_q(data.get("QueueUrl", url), permission)
        if queue["is_fifo"] or not data.get("ReceiptHandle"):
            return stock_one(data, url)
        if not act(_backlog(queue), data):
            raise sqs._Err("ReceiptHandleIsInvalid", _INVALID_HANDLE)
        return {}

    def batch(data: dict[str, Any], url: str) -> Any:
        queue = sqs._get_q(data.get("QueueUrl", url), permission)
        if queue["is_fifo"]:
            return stock_batch(data, url)
        entries = data.get("Entries", [])
        sqs._validate_batch_entries(entries, f"{action}BatchRequestEntry")
        answer: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
        for entry in entries:
            if act(_backlog(queue), entry):
                answer["Successful"].append({"Id": entry["Id"]})
            else:
                failure = {"Code": "ReceiptHandleIsInvalid", "Message": _INVALID_HANDLE, "SenderFault": True}
                answer["Failed"].append({"Id": entry["Id"], **failure})
        return answer

    sqs._HANDLERS[action], sqs._HANDLERS[f"{action}Batch"] = one, batch


def _delete(backlog: Backlog, handle: str) -> bool:
    return backlog.delete(handle) or _HANDLE.fullmatch(handle) is not None


def _change_visibility(backlog: Backlog, entry: dict[str, Any]) -> bool:
    visibility_s = float(entry.get("VisibilityTimeout", 30))
    changed = backlog.change_visibility(entry["ReceiptHandle"], visibility_s)
    if changed and visibility_s == 0:
        sqs.esm_wake.set()
    return changed
