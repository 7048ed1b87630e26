"""The suites of ChannelQueues, ObjectStore, WaveMachine and TouchTokens."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cellwave.adapters.kms import KeyRing
from cellwave.adapters.memory import (
    MemoryChannelQueues,
    MemoryObjectStore,
    MemoryTouchTokens,
    MemoryWaveMachine,
)
from cellwave.adapters.s3 import S3ObjectStore
from cellwave.adapters.sqs import SqsChannelQueues
from cellwave.adapters.stepfunctions import StepFunctionsWaveMachine
from cellwave.adapters.tokens import SealedTouchTokens
from cellwave.domain.errors import NotFound
from cellwave.domain.identifiers import journey_id, wave_tag
from cellwave.domain.outcomes import TouchRef
from cellwave.ports.delivery import ChannelQueues, ObjectStore, TouchTokens, WaveMachine
from cellwave.ports.journeys import Placement

CHANNELS = ("sms", "outbound_call")
SUB = "k1-Zm9vYmFyYmF6cXV4MTIzNA"


class Queues:
    """Queues of a world, and how to look into them."""

    def __init__(self, world: Any):
        self._sqs = None if world.in_memory else world.aws.sqs
        self.urls = {} if world.in_memory else {channel: world.queue() for channel in CHANNELS}
        self.port: ChannelQueues = (
            MemoryChannelQueues(CHANNELS) if world.in_memory else SqsChannelQueues(world.aws.sqs, self.urls)
        )

    def received(self, channel: str) -> list[str]:
        """The touch ids in a channel's queue, sorted, after a look that no message holds more than it may."""
        if self._sqs is None:
            assert isinstance(self.port, MemoryChannelQueues)
            return sorted(self.port.queues[channel])
        touches: list[str] = []
        while messages := self._sqs.receive_message(QueueUrl=self.urls[channel], MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                body = json.loads(message["Body"])
                touches.append(body["touch"])
                assert body == {"version": 1, "touch": body["touch"], "channel": channel}
                self._sqs.delete_message(QueueUrl=self.urls[channel], ReceiptHandle=message["ReceiptHandle"])
        return sorted(touches)


@pytest.fixture
def queues(world: Any) -> Queues:
    return Queues(world)


@pytest.fixture
def objects(world: Any) -> ObjectStore:
    return MemoryObjectStore() if world.in_memory else S3ObjectStore(world.aws.s3, world.bucket())


@pytest.fixture
def machine(world: Any) -> WaveMachine:
    if world.in_memory:
        return MemoryWaveMachine()
    return StepFunctionsWaveMachine(world.aws.stepfunctions, world.machine())


@pytest.fixture
def tokens(world: Any) -> TouchTokens:
    if world.in_memory:
        return MemoryTouchTokens()
    ring = KeyRing(world.aws.kms, world.kms_key(), world.aws.dynamodb, world.table("registry"))
    return SealedTouchTokens(ring)


def test_each_touch_goes_to_the_queue_of_its_channel(queues: Queues) -> None:
    calls = [f"call-{number:02d}" for number in range(3)]
    texts = [f"text-{number:02d}" for number in range(23)]
    placements = [Placement("outbound_call", touch) for touch in calls] + [Placement("sms", touch) for touch in texts]
    queues.port.send(placements)
    assert queues.received("sms") == texts
    assert queues.received("outbound_call") == calls


def test_a_channel_without_a_queue_is_an_error_before_anything_is_sent(queues: Queues) -> None:
    with pytest.raises(ValueError, match="pigeon"):
        queues.port.send([Placement("sms", "t1"), Placement("pigeon", "t2")])
    assert queues.received("sms") == []


def test_sending_nothing_is_no_error(queues: Queues) -> None:
    queues.port.send([])


def test_an_object_is_created_once_and_the_first_version_wins(objects: ObjectStore) -> None:
    assert objects.put_new("cohorts/a/1", b"first")
    assert not objects.put_new("cohorts/a/1", b"second")
    assert objects.get("cohorts/a/1") == b"first"


def test_of_creators_racing_for_a_key_one_wins(objects: ObjectStore, race: Callable[..., list[Any]]) -> None:
    results = race(lambda number: objects.put_new("cohorts/a/1", b"%d" % number), 6)
    assert sorted(results) == [False] * 5 + [True]
    assert objects.get("cohorts/a/1") == b"%d" % results.index(True)


def test_an_object_that_does_not_exist_is_not_found(objects: ObjectStore) -> None:
    with pytest.raises(NotFound):
        objects.get("cohorts/none")


def test_keys_are_those_below_the_prefix_in_order(objects: ObjectStore) -> None:
    for key in ("cohorts/b/2", "cohorts/a/2", "cohorts/a/10", "cohorts/ab/1", "lists/a"):
        objects.put_new(key, b"")
    assert objects.keys("cohorts/a/") == ["cohorts/a/10", "cohorts/a/2"]
    assert objects.keys("none/") == []


def test_deleted_objects_are_gone_and_deleting_the_absent_is_harmless(objects: ObjectStore) -> None:
    objects.put_new("a", b"1")
    objects.put_new("b", b"2")
    objects.delete(["a", "never"])
    objects.delete([])
    assert objects.keys("") == ["b"]
    assert objects.put_new("a", b"anew")


def test_of_a_deleted_object_no_version_is_left_where_the_bucket_keeps_versions(aws_world: Any) -> None:
    """A list's wrapped key must not survive its list as a version that is no longer current."""
    s3, bucket = aws_world.aws.s3, aws_world.bucket()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    objects = S3ObjectStore(s3, bucket)
    for key in ("lists/a/1/manifest.json", "lists/a/1/run/00", "lists/a/1/run/01", "lists/a/10/manifest.json"):
        objects.put_new(key, b"sealed")
    s3.delete_object(Bucket=bucket, Key="lists/a/1/run/00")  # leaves a marker and a version
    s3.put_object(Bucket=bucket, Key="lists/a/1/manifest.json", Body=b"another version")
    objects.delete(["lists/a/1/manifest.json", "lists/a/1/run/00", "lists/a/1/run/01"])
    left = s3.list_object_versions(Bucket=bucket)
    assert [entry["Key"] for entry in left.get("Versions", [])] == ["lists/a/10/manifest.json"]
    assert left.get("DeleteMarkers", []) == []


def test_an_execution_starts_and_a_name_taken_is_success_too(machine: WaveMachine) -> None:
    assert machine.start("text-abc_1", {"wave": "text-abc", "due": 1})
    assert not machine.start("text-abc_1", {"wave": "text-abc", "due": 2})
    machine.start("text-abc_1", {"wave": "text-abc", "due": 1})


@pytest.mark.parametrize("name", ["", "a" * 81, "a b", "a#1", "a/b", "käse"])
def test_a_name_that_aws_refuses_is_an_error_everywhere(machine: WaveMachine, name: str) -> None:
    with pytest.raises(ValueError, match="1 to 80"):
        machine.start(name, {})


def test_an_input_that_aws_refuses_is_an_error_everywhere(machine: WaveMachine) -> None:
    largest = 256 * 1024 - len('{"m":""}')
    with pytest.raises(ValueError, match="262,145 bytes"):
        machine.start("a", {"m": "x" * (largest + 1)})
    assert machine.start("a", {"m": "é" * (largest // 2)})


def ref(attempt: int = 1, sub: str = SUB) -> TouchRef:
    return TouchRef(sub, journey_id("ringback-mall", sub, 1), wave_tag("text-abc"), attempt)


def test_a_touch_id_opens_to_what_was_sealed(tokens: TouchTokens) -> None:
    for sealed in (ref(), ref(255), ref(2, "x9-AAAAAAAAAAAAAAAAAAAAAA")):
        assert tokens.open(tokens.seal(sealed)) == sealed


def test_the_same_touch_always_has_the_same_id_and_others_have_others(tokens: TouchTokens) -> None:
    ids = [tokens.seal(ref(attempt)) for attempt in (1, 2, 1)]
    assert ids[0] == ids[2] != ids[1]


def test_a_touch_id_is_short_and_safe_in_a_url(tokens: TouchTokens) -> None:
    token = tokens.seal(ref())
    assert len(token) <= 100
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert SUB[3:] not in token


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1],
        lambda token: "azk5"[:3] + token[3:],
        lambda token: token[: len(token) // 2],
        lambda token: "",
        lambda token: "not base64 at all é",
        lambda token: token + "==",
    ],
)
def test_a_touch_id_that_was_forged_or_cut_is_not_found(tokens: TouchTokens, spoil: Callable[[str], str]) -> None:
    with pytest.raises(NotFound):
        tokens.open(spoil(tokens.seal(ref())))
