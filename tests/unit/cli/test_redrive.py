"""The redrive command: its account, its exit, and that no message is deleted before its records are put."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from cellwave.contracts.stream import encode_record
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.signalling import Event
from cellwave_ops.cli import redrive as command
from cellwave_ops.cli.app import app

SUB = "k1-AAAAAAAAAAAAAAAAAAAAAA"
RECORD = encode_record("p", 1, lane_of(partition_of(SUB)), 5, events=[Event(SUB, 5, "sighting", "c")])
BATCH = {
    "shardId": "shardId-0",
    "startSequenceNumber": "7",
    "endSequenceNumber": "7",
    "batchSize": 1,
    "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/signalling",
}


class Kinesis:
    """A shard with one record, number 7, or one that has forgotten it; may refuse what is put."""

    def __init__(self) -> None:
        self.error = ""
        self.refuses = False
        self.put: list[bytes] = []

    def get_shard_iterator(self, **_: Any) -> Any:
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": ""}}, "GetShardIterator")
        return {"ShardIterator": "first"}

    def get_records(self, *, ShardIterator: str) -> Any:  # noqa: N803
        if ShardIterator == "first":  # a page may be empty while the stream goes on
            return {"Records": [], "MillisBehindLatest": 9, "NextShardIterator": "second"}
        return {"Records": [{"SequenceNumber": "7", "Data": RECORD}], "MillisBehindLatest": 0}

    def put_records(self, *, StreamName: str, Records: Sequence[Any]) -> Any:  # noqa: N803
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "PutRecords")
        self.put += [record["Data"] for record in Records]
        return {"Records": [{} for _ in Records]}


class Sqs:
    """One message, and what was done to it."""

    def __init__(self) -> None:
        self.waiting = [{"MessageId": "m", "ReceiptHandle": "r", "Body": json.dumps({"KinesisBatchInfo": BATCH})}]
        self.deleted = 0
        self.released = 0

    def receive_message(self, **_: Any) -> Any:
        taken, self.waiting = self.waiting, []
        return {"Messages": taken} if taken else {}

    def delete_message(self, **_: Any) -> None:
        self.deleted += 1

    def change_message_visibility(self, **_: Any) -> None:
        self.released += 1


@pytest.fixture
def kinesis() -> Kinesis:
    return Kinesis()


@pytest.fixture
def sqs(kinesis: Kinesis, monkeypatch: pytest.MonkeyPatch) -> Sqs:
    sqs = Sqs()
    stack = SimpleNamespace(
        outputs={"SignallingStream": "signalling", "MatcherFailuresQueue": "url"},
        kinesis=lambda: kinesis,
        wiring=SimpleNamespace(clients=SimpleNamespace(sqs=sqs)),
    )
    monkeypatch.setattr(command, "connect", lambda: stack)
    return sqs


def test_a_batch_that_is_put_again_leaves_the_queue_and_is_accounted_for(kinesis: Kinesis, sqs: Sqs) -> None:
    result = CliRunner().invoke(app, ["redrive", "--json"])
    account = json.loads(result.stdout)
    assert result.exit_code == 0
    assert account == {"batches": 1, "records": 1, "events": 1, "ticks": 0, "lost": [], "unusable": []}
    assert (len(kinesis.put), sqs.deleted, sqs.released) == (1, 1, 0)
    assert "shardId-0 from 7 to 7: 1 records put again" in result.stderr


def test_an_empty_queue_is_no_failure(sqs: Sqs) -> None:
    sqs.waiting = []
    assert CliRunner().invoke(app, ["redrive"]).exit_code == 0


@pytest.mark.parametrize("error", ["InvalidArgumentException", "ResourceNotFoundException"])
def test_what_the_stream_has_forgotten_is_told_with_its_range_and_exit_1(
    kinesis: Kinesis, sqs: Sqs, error: str
) -> None:
    kinesis.error = error
    result = CliRunner().invoke(app, ["redrive"])
    assert result.exit_code == 1
    assert "shardId-0 from 7 to 7: 1 of 1 records are no longer in the stream" in result.stderr
    assert (sqs.deleted, sqs.released) == (0, 1)


def test_another_refusal_is_no_loss(kinesis: Kinesis, sqs: Sqs) -> None:
    kinesis.error = "AccessDeniedException"
    result = CliRunner().invoke(app, ["redrive"])
    assert isinstance(result.exception, ClientError)
    assert (sqs.deleted, sqs.released) == (0, 1)


def test_a_message_is_deleted_only_once_its_records_are_put(kinesis: Kinesis, sqs: Sqs) -> None:
    kinesis.refuses = True
    assert CliRunner().invoke(app, ["redrive"]).exit_code == 1
    assert (kinesis.put, sqs.deleted, sqs.released) == ([], 0, 1)
