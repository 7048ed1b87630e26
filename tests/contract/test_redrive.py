"""Redriving given-up batches, on the stream and the queue as they are."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from cellwave.contracts.stream import decode_record, encode_record
from cellwave.domain.identifiers import explicit_hash_key, lane_of, partition_of
from cellwave.domain.signalling import Event, Record
from cellwave_ops.redrive import Redrive, Redriven

SUB = "k1-AAAAAAAAAAAAAAAAAAAAAA"
LANE = lane_of(partition_of(SUB))
NOW = 1_790_000_000_000


class Place:
    """A stream of one shard, a failures queue, and what a matcher that gives up would tell it."""

    def __init__(self, world: Any):
        self.kinesis, self.sqs = world.aws.kinesis, world.aws.sqs
        self.stream = world.queue().rpartition("/")[2]
        self.kinesis.create_stream(StreamName=self.stream, ShardCount=1)
        while (found := self._described())["StreamStatus"] != "ACTIVE":
            time.sleep(0.1)
        self.arn = found["StreamARN"]
        self.url = world.queue()

    def put(self, *data: bytes) -> list[str]:
        """Put records and return their sequence numbers."""
        key = explicit_hash_key(LANE)
        return [
            self.kinesis.put_record(StreamName=self.stream, Data=each, PartitionKey="x", ExplicitHashKey=key)[
                "SequenceNumber"
            ]
            for each in data
        ]

    def give_up(self, numbers: Sequence[str], **changes: object) -> None:
        """Tell the queue of a batch from the first to the last of these."""
        info = {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "batchSize": len(numbers),
            "streamArn": self.arn,
            **changes,
        }
        self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps({"version": "1.0", "KinesisBatchInfo": info}))

    def redrive(self) -> Redriven:
        return Redrive(self.kinesis, self.sqs, self.stream, self.url).run()

    def records(self) -> list[Record]:
        """Return all records of the stream, as the matcher would read them."""
        iterator = self.kinesis.get_shard_iterator(
            StreamName=self.stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found = self.kinesis.get_records(ShardIterator=iterator)["Records"]
        return [decode_record(entry["Data"], int(entry["SequenceNumber"])) for entry in found]

    def waiting(self) -> int:
        """Return how many messages can be received now."""
        return len(self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []))

    def _described(self) -> Any:
        return self.kinesis.describe_stream(StreamName=self.stream)["StreamDescription"]


@pytest.fixture
def place(aws_world: Any) -> Iterator[Place]:
    place = Place(aws_world)
    yield place
    place.kinesis.delete_stream(StreamName=place.stream)


def aggregated(number: int, *, tick: bool = False) -> bytes:
    events = [] if tick else [Event(SUB, NOW + number, "sighting", "c")]
    return encode_record("probe", number, LANE, NOW + number, tick, events)


def test_the_records_of_a_given_up_batch_come_again_in_order_without_numbers_and_ticks(place: Place) -> None:
    single = json.dumps({"sub": SUB, "ts": NOW, "type": "sighting", "cell": "c"}).encode()
    _, *batch, _ = place.put(
        aggregated(1), aggregated(2), aggregated(3, tick=True), single, b"\x01noise", aggregated(4), aggregated(5)
    )
    place.give_up(batch)
    done = place.redrive()
    assert (done.batches, done.records, done.events, done.ticks) == (1, 4, 3, 1)
    assert done.is_whole
    again = place.records()[7:]
    assert [(record.producer, record.number) for record in again] == [("", 0)] * 4
    [rejected] = [record for record in again if record.lane < 0]
    assert "zstd" in rejected.rejected[0].reason
    in_lane = [record for record in again if record.lane == LANE]
    assert [record.clock for record in in_lane] == [NOW + 2, None, NOW + 4]
    assert [event.ts for record in in_lane for event in record.events] == [NOW + 2, NOW, NOW + 4]
    assert place.waiting() == 0
    assert place.redrive() == Redriven()


def test_batches_come_again_in_the_order_of_the_stream_not_of_the_queue(place: Place) -> None:
    numbers = place.put(*map(aggregated, range(1, 5)))
    place.give_up(numbers[2:])
    place.give_up(numbers[:2])
    assert place.redrive().batches == 2
    assert [record.clock for record in place.records()[4:]] == [NOW + number for number in range(1, 5)]


def test_what_the_stream_no_longer_holds_is_told_with_its_range_and_its_message_kept(place: Place) -> None:
    numbers = place.put(aggregated(1), aggregated(2))
    place.give_up(numbers, batchSize=5)
    done = place.redrive()
    assert (done.batches, done.records) == (0, 2)
    assert not done.is_whole
    assert done.lost == [
        f"shardId-000000000000 from {numbers[0]} to {numbers[1]}: 3 of 5 records are no longer in the stream"
    ]
    assert place.waiting() == 1


@pytest.mark.parametrize("body", ["no JSON", "[]", "{}", '{"KinesisBatchInfo": null}', "elsewhere", "no range"])
def test_a_message_that_names_no_batch_of_the_stream_is_told_and_kept(place: Place, body: str) -> None:
    numbers = place.put(aggregated(1))
    if body == "elsewhere":
        place.give_up(numbers, streamArn=place.arn + "-other")
    elif body == "no range":
        place.give_up(numbers, endSequenceNumber="0")
    else:
        place.sqs.send_message(QueueUrl=place.url, MessageBody=body)
    place.give_up(numbers)
    done = place.redrive()
    assert (done.batches, len(done.unusable), done.is_whole) == (1, 1, False)
    assert place.waiting() == 1
