"""What a service does not take of a batch is asked again; what it refuses, or never takes, rises."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cellwave.adapters import retries, s3
from cellwave.adapters.dynamodb.journeys import DynamoJourneyStore
from cellwave.adapters.dynamodb.state import DynamoStateStore
from cellwave.adapters.dynamodb.vault import DynamoVault
from cellwave.adapters.memory import MemorySystemKeys
from cellwave.adapters.s3 import S3ObjectStore
from cellwave.adapters.sqs import SqsChannelQueues
from cellwave.domain.journey import Journey, Step
from cellwave.domain.pages import Page
from cellwave.ports.journeys import Mark, Placement

Hold = Callable[..., Any]
JOURNEY = Journey(
    id="AAAAAAAAAAAAAAAA",
    sub="k1-AAAAAAAAAAAAAAAAAAAAAA",
    campaign="ringback-mall-autumn",
    product="ringback-tone",
    flow="three-wave@12",
    trigger_ts=1_763_800_000_000,
    state="in",
    node="call",
    wave="call-AAAAAAAAAAAAAAAAAAAAAAAA",
    due=1_764_300_000_000,
    respond_by=1_764_300_000_000,
    touch="delivered",
    parent="counter-AAAAAAAAAAAAAAAAAAAAAAAA",
    attempt=2,
    channel="outbound_call",
    interest=1_764_000_000_000,
    steps=(
        Step("text", "no_response", "delivered", 1, "sms"),
        Step("counter", "considering", "shown", 1, "hotline"),
    ),
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_LONGEST_S", 0.0)


def take_key(body: Any) -> tuple[str, Any]:
    [(table, asked)] = body["RequestItems"].items()
    return table, asked["Keys"].pop()


def report_key(parsed: Any, held: tuple[str, Any]) -> None:
    parsed["UnprocessedKeys"] = {held[0]: {"Keys": [held[1]], "ConsistentRead": True}}


def take_write(body: Any) -> tuple[str, Any]:
    [(table, requests)] = body["RequestItems"].items()
    return table, requests.pop()


def report_write(parsed: Any, held: tuple[str, Any]) -> None:
    table, request = held
    # The request is as it went over the wire, binary values in base64; an answer's are decoded.
    sealed = request["PutRequest"]["Item"]["sealed"]
    sealed["B"] = base64.b64decode(sealed["B"])
    parsed["UnprocessedItems"] = {table: [request]}


def take_message(body: Any) -> Any:
    return body["Entries"].pop()


def failing(sender_fault: bool) -> Callable[[Any, Any], None]:
    def report(parsed: Any, entry: Any) -> None:
        failure = {"Id": entry["Id"], "Code": "MadeUp", "Message": "for this test", "SenderFault": sender_fault}
        parsed.setdefault("Failed", []).append(failure)

    return report


def test_pages_that_a_batch_left_out_are_read_in_the_next(aws_world: Any, holding_back: Hold, impatient: None) -> None:
    store = DynamoStateStore(aws_world.aws.dynamodb, aws_world.table("state"), aws_world.clock)
    for number in range(5):
        store.save_pages([Page(number)])
    with holding_back(aws_world.aws.dynamodb, "BatchGetItem", take_key, report_key) as calls:
        pages = store.load_pages(range(5))
    assert [page.version for page in pages.values()] == [1] * 5
    assert len(calls) == 2


def test_numbers_that_a_batch_left_out_are_written_in_the_next(
    aws_world: Any, holding_back: Hold, impatient: None
) -> None:
    vault = DynamoVault(aws_world.aws.dynamodb, aws_world.table("vault"), MemorySystemKeys())
    numbers = {f"k1-{number:022d}": f"8613{number:09d}" for number in range(4)}
    with holding_back(aws_world.aws.dynamodb, "BatchWriteItem", take_write, report_write) as calls:
        vault.put(numbers)
    assert {sub: vault.number(sub) for sub in numbers} == numbers
    assert len(calls) == 2


def sent(world: Any, url: str) -> int:
    attributes = world.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(attributes["Attributes"]["ApproximateNumberOfMessages"])


def test_messages_that_a_queue_did_not_take_are_sent_again_and_no_other(
    aws_world: Any, holding_back: Hold, impatient: None
) -> None:
    url = aws_world.queue()
    queues = SqsChannelQueues(aws_world.aws.sqs, {"sms": url})
    placements = [Placement("sms", f"touch-{number}") for number in range(4)]
    with holding_back(aws_world.aws.sqs, "SendMessageBatch", take_message, failing(False)) as calls:
        queues.send(placements)
    assert len(calls) == 2
    assert sent(aws_world, url) == 4


def test_a_message_that_no_queue_would_take_rises_at_once(aws_world: Any, holding_back: Hold, impatient: None) -> None:
    queues = SqsChannelQueues(aws_world.aws.sqs, {"sms": aws_world.queue()})
    placements = [Placement("sms", "touch-1"), Placement("sms", "touch-2")]
    with (
        holding_back(aws_world.aws.sqs, "SendMessageBatch", take_message, failing(True)) as calls,
        pytest.raises(ClientError, match="MadeUp"),
    ):
        queues.send(placements)
    assert len(calls) == 1


def take_statement(body: Any) -> Any:
    return body["Statements"].pop()


def throttled(code: str) -> Callable[[Any, Any], None]:
    def report(parsed: Any, statement: Any) -> None:
        parsed["Responses"].append({"Error": {"Code": code, "Message": "for this test"}})

    return report


def journeys(count: int) -> list[Journey]:
    return [replace(JOURNEY, id=f"{number:016d}") for number in range(count)]


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError"])
def test_a_write_that_was_throttled_in_its_batch_is_made_in_the_next(
    aws_world: Any, holding_back: Hold, impatient: None, code: str
) -> None:
    store = DynamoJourneyStore(aws_world.aws.dynamodb, aws_world.table("journeys"), aws_world.clock)
    with holding_back(aws_world.aws.dynamodb, "BatchExecuteStatement", take_statement, throttled(code)) as calls:
        created = store.create(journeys(3))
    assert len(calls) == 2
    assert store.of(JOURNEY.sub) == created == [replace(one, revision=1) for one in journeys(3)]
    with holding_back(aws_world.aws.dynamodb, "BatchExecuteStatement", take_statement, throttled(code)) as calls:
        assert store.replace([*created[:2], replace(created[2], revision=9)]) == [True, True, False]
    assert len(calls) == 2


def test_a_write_that_fails_otherwise_in_its_batch_rises(aws_world: Any, holding_back: Hold, impatient: None) -> None:
    store = DynamoJourneyStore(aws_world.aws.dynamodb, aws_world.table("journeys"), aws_world.clock)
    with (
        holding_back(
            aws_world.aws.dynamodb, "BatchExecuteStatement", take_statement, throttled("AccessDenied")
        ) as calls,
        pytest.raises(ClientError, match="AccessDenied"),
    ):
        store.create(journeys(3))
    assert len(calls) == 1


def test_a_re_entry_that_another_takes_while_it_is_judged_is_spent(aws_world: Any) -> None:
    table = aws_world.table("journeys")
    mine = DynamoJourneyStore(aws_world.aws.dynamodb, table, aws_world.clock)
    other = DynamoJourneyStore(aws_world.aws.dynamodb, table, aws_world.clock)
    hour = 3_600_000
    mine.mark([Mark(JOURNEY.sub, "c", 0, 1)])
    results: list[Any] = []

    def overtake(params: dict[str, Any], **_: Any) -> None:
        if b"ts <= :limit" in params["body"] and not results:
            results.append(None)
            results[0] = other.mark([Mark(JOURNEY.sub, "c", hour, 1)])

    aws_world.aws.dynamodb.meta.events.register_first("before-call.dynamodb.PutItem", overtake)
    try:
        results.append(mine.mark([Mark(JOURNEY.sub, "c", hour + 1, 1)]))
    finally:
        aws_world.aws.dynamodb.meta.events.unregister("before-call.dynamodb.PutItem", overtake)
    assert results == [["entered"], ["spent"]]


def test_what_is_never_taken_rises_in_the_end(aws_world: Any, holding_back: Hold, impatient: None) -> None:
    store = DynamoStateStore(aws_world.aws.dynamodb, aws_world.table("state"), aws_world.clock)

    def none_processed(parsed: Any, held: tuple[str, Any]) -> None:
        table, key = held
        parsed["Responses"] = {}
        parsed["UnprocessedKeys"] = {table: {"Keys": [key, {"pk": {"S": "P#0001"}, "sk": {"S": "-"}}]}}

    with (
        holding_back(aws_world.aws.dynamodb, "BatchGetItem", take_key, none_processed, times=99) as calls,
        pytest.raises(ClientError, match="ProvisionedThroughputExceeded"),
    ):
        store.load_pages([1, 2])
    assert len(calls) >= retries.ATTEMPTS


def test_an_error_that_is_no_refused_condition_rises_untouched(aws_world: Any) -> None:
    state = DynamoStateStore(aws_world.aws.dynamodb, "no-such-table", aws_world.clock)
    journeys = DynamoJourneyStore(aws_world.aws.dynamodb, "no-such-table", aws_world.clock)
    objects = S3ObjectStore(aws_world.aws.s3, "no-such-bucket")
    for call in (
        lambda: state.save_pages([Page(1)]),
        lambda: journeys.mark([Mark("k1-AAAAAAAAAAAAAAAAAAAAAA", "c", 1, None)] * 2),
        lambda: objects.put_new("a", b""),
        lambda: objects.get("a"),
    ):
        with pytest.raises(ClientError, match=r"ResourceNotFound|NoSuchBucket"):
            call()


def test_an_object_whose_creation_s3_left_undecided_is_asked_for_again(aws_world: Any, impatient: None) -> None:
    client = aws_world.aws.s3
    objects = S3ObjectStore(client, aws_world.bucket())
    undecided = [("409", "ConditionalRequestConflict")]

    def answer(**_: Any) -> Any:
        if not undecided:
            return None
        status, code = undecided.pop()
        http = type("Response", (), {"status_code": int(status)})()
        return http, {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {}}

    client.meta.events.register_first("before-call.s3.PutObject", answer)
    try:
        assert objects.put_new("a", b"1")
    finally:
        client.meta.events.unregister("before-call.s3.PutObject", answer)
    assert objects.get("a") == b"1"


def test_objects_are_deleted_in_as_many_requests_as_it_takes(aws_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = S3ObjectStore(aws_world.aws.s3, aws_world.bucket())
    for number in range(7):
        objects.put_new(f"a/{number}", b"")
    monkeypatch.setattr(s3, "MAX_DELETE", 3)
    objects.delete(objects.keys("a/"))
    assert objects.keys("a/") == []


def test_a_usual_journey_s_item_stays_under_one_kilobyte(aws_world: Any) -> None:
    table = aws_world.table("journeys")
    DynamoJourneyStore(aws_world.aws.dynamodb, table, aws_world.clock).create([JOURNEY])
    [item] = aws_world.aws.dynamodb.scan(TableName=table)["Items"]
    size = sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())
    assert size < 900
