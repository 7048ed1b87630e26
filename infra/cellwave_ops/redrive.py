"""Batches that the matcher gave up on, put into the stream again.

Later records have moved their lanes on, so a given-up record that came again as it was would be told as a
duplicate, its events unread. It goes out without producer and number: what its events change is decided by the
subscribers' state alone. What a first attempt had applied changes nothing, and a match has the journey's id that
it would have had. In the words of the matching rules, the events arrive now, after those that came meanwhile.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from cellwave.contracts.stream import decode_record, unnumbered
from cellwave_ops.sources.producer import OutgoingRecord
from cellwave_ops.sources.sender import Sender

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef
    from mypy_boto3_sqs import SQSClient

HELD_S: Final = 3_600
"""Seconds for which a message is kept from other runs of this command."""
_GONE: Final = ("InvalidArgumentException", "ResourceNotFoundException")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """One message of the failures queue: a range of a shard, both ends included. `size` is the records in it.

    Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis event source".
    """

    receipt: str
    shard: str
    first: str
    last: str
    size: int

    def __str__(self) -> str:
        """Name the range."""
        return f"{self.shard} from {self.first} to {self.last}"


@dataclass(slots=True)
class Redriven:
    """What became of the queue: `lost` and `unusable` messages are kept in it, with their reasons here."""

    batches: int = 0
    records: int = 0
    events: int = 0
    ticks: int = 0
    lost: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost and nothing is left."""
        return not self.lost and not self.unusable


class Redrive:
    """Puts the records of given-up batches into the stream again; done twice, it changes nothing more.

    A message is deleted once every record of its batch was put. Ticks are left out: time went on without them.
    """

    def __init__(
        self, kinesis: "KinesisClient", sqs: "SQSClient", stream: str, queue: str, tell: Progress = lambda _: None
    ):
        self._kinesis = kinesis
        self._sqs = sqs
        self._stream = stream
        self._queue = queue
        self._tell = tell
        self._kept: list[str] = []

    def run(self) -> Redriven:
        """Work off the queue, shard by shard in the order of the stream. Raises StreamRefusedError."""
        done = Redriven()
        given_up: list[GivenUp] = []
        try:
            for message in self._messages():
                self._kept.append(message["ReceiptHandle"])
                try:
                    given_up.append(_parsed(message, self._stream))
                except (ValueError, KeyError, TypeError, AttributeError):
                    done.unusable.append(f"message {message['MessageId']} names no batch of {self._stream}")
            for batch in sorted(given_up, key=lambda batch: (batch.shard, int(batch.first))):
                self._put_again(batch, done)
        finally:
            for receipt in self._kept:  # what stays is there for the next run at once
                self._sqs.change_message_visibility(QueueUrl=self._queue, ReceiptHandle=receipt, VisibilityTimeout=0)
        return done

    def _put_again(self, batch: GivenUp, done: Redriven) -> None:
        sender = Sender(self._kinesis, self._stream)
        numbers: list[int] = []
        for entry in self._records(batch):
            numbers.append(int(entry["SequenceNumber"]))
            record = decode_record(entry["Data"], numbers[-1])
            if record.tick:
                done.ticks += 1
                continue
            # One that cannot be read goes by any lane: it ends in quarantine with its reason.
            events = len(record.events)
            sender.send(OutgoingRecord(max(record.lane, 0), record.clock or 0, events, unnumbered(entry["Data"])))
            done.events += events
        sender.flush()
        done.records += sender.sent
        if len(numbers) < batch.size or numbers[0] != int(batch.first):
            gone = max(batch.size - len(numbers), 0)
            done.lost.append(f"{batch}: {gone} of {batch.size} records are no longer in the stream")
            self._tell(f"{batch}: LOST, wholly or in part")
            return
        self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=batch.receipt)
        self._kept.remove(batch.receipt)
        done.batches += 1
        self._tell(f"{batch}: {sender.sent} records put again")

    def _messages(self) -> "Iterator[Any]":
        seen: set[str] = set()
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=HELD_S
            )
            fresh = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
            seen.update(message["MessageId"] for message in fresh)
            yield from fresh
            if not fresh:
                return

    def _records(self, batch: GivenUp) -> "Iterator[RecordTypeDef]":
        """Yield the records of the range that the stream still holds, in order."""
        try:
            iterator = self._kinesis.get_shard_iterator(
                StreamName=self._stream,
                ShardId=batch.shard,
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                StartingSequenceNumber=batch.first,
            )["ShardIterator"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return  # the stream has forgotten the number, or the shard
        last = int(batch.last)
        while iterator:
            answer = self._kinesis.get_records(ShardIterator=iterator)
            for entry in answer["Records"]:
                if int(entry["SequenceNumber"]) > last:
                    return
                yield entry
                if int(entry["SequenceNumber"]) == last:
                    return
            if not answer["Records"] and not answer.get("MillisBehindLatest"):
                return
            iterator = answer.get("NextShardIterator", "")


def _parsed(message: Any, stream: str) -> GivenUp:
    """Return the batch that a message names. Raises for one that names none of this stream."""
    info = json.loads(message["Body"])["KinesisBatchInfo"]
    if info["streamArn"].rpartition("/")[2] != stream:
        raise ValueError("another stream")
    batch = GivenUp(
        message["ReceiptHandle"],
        shard=info["shardId"],
        first=info["startSequenceNumber"],
        last=info["endSequenceNumber"],
        size=int(info["batchSize"]),
    )
    if batch.size < 1 or int(batch.first) > int(batch.last):
        raise ValueError("no range")
    return batch
