"""What the product relies on and the emulator keeps: here no correction is left out, most are stock behaviour."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from localstack_client.session import Session

pytestmark = pytest.mark.emulator


@pytest.fixture
def table(stack, name):
    stack.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    stack.dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "wave": {"S": "text"}})
    return name


@pytest.fixture
def bucket(stack, name):
    stack.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def key(stack):
    return stack.kms.create_key()["KeyMetadata"]["KeyId"]


OLD = {"pk": {"S": "a"}, "wave": {"S": "text"}}


def test_a_refused_put_returns_the_item_that_stood_in_its_way(stack, table):
    with pytest.raises(stack.dynamodb.exceptions.ConditionalCheckFailedException) as refused:
        stack.dynamodb.put_item(
            TableName=table,
            Item={"pk": {"S": "a"}},
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refused.value.response["Item"] == OLD


def test_a_refused_update_returns_the_item_as_it_is(stack, table):
    with pytest.raises(stack.dynamodb.exceptions.ConditionalCheckFailedException) as refused:
        stack.dynamodb.update_item(
            TableName=table,
            Key={"pk": {"S": "a"}},
            UpdateExpression="SET wave = :next",
            ConditionExpression="wave = :wave",
            ExpressionAttributeValues={":next": {"S": "call"}, ":wave": {"S": "counter"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refused.value.response["Item"] == OLD


def test_each_statement_of_a_batch_is_judged_alone(stack, table):
    update = f'UPDATE "{table}" SET wave=? WHERE pk=? AND wave=?'  # noqa: S608
    statements = [
        {
            "Statement": update,
            "Parameters": [{"S": "call"}, {"S": key}, {"S": "text"}],
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        for key in ("a", "absent")
    ]
    statements.append({"Statement": f"INSERT INTO \"{table}\" VALUE {{'pk': ?}}", "Parameters": [{"S": "a"}]})
    answers = stack.dynamodb.batch_execute_statement(Statements=statements)["Responses"]
    assert [answer.get("Error", {}).get("Code") for answer in answers] == [
        None,
        "ConditionalCheckFailed",
        "DuplicateItem",
    ]
    assert stack.dynamodb.get_item(TableName=table, Key={"pk": {"S": "a"}})["Item"]["wave"] == {"S": "call"}


def test_a_create_only_object_is_never_overwritten(stack, bucket):
    stack.s3.put_object(Bucket=bucket, Key="chunk", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        stack.s3.put_object(Bucket=bucket, Key="chunk", Body=b"second", IfNoneMatch="*")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert stack.s3.get_object(Bucket=bucket, Key="chunk")["Body"].read() == b"first"


@pytest.mark.parametrize("call", ["encrypt", "generate_data_key", "generate_data_key_without_plaintext"])
def test_what_was_encrypted_in_one_context_opens_in_no_other(stack, key, call):
    more = {"Plaintext": b"msisdn"} if call == "encrypt" else {"KeySpec": "AES_256"}
    made = getattr(stack.kms, call)(KeyId=key, EncryptionContext={"list": "2026-11"}, **more)
    opened = stack.kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"list": "2026-11"})
    assert len(opened["Plaintext"]) == (6 if call == "encrypt" else 32)
    for wrong in ({"list": "2026-12"}, {}):
        with pytest.raises(stack.kms.exceptions.InvalidCiphertextException):
            stack.kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=wrong)


def test_a_distributed_map_reads_its_items_from_an_object(stack, bucket):
    stack.s3.put_object(Bucket=bucket, Key="manifest", Body=json.dumps([{"chunk": n} for n in range(30)]).encode())
    gather = {
        "Type": "Map",
        "MaxConcurrency": 10,
        "ToleratedFailurePercentage": 0,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": bucket, "Key.$": "$.manifest"},
        },
        "ItemSelector": {"chunk.$": "$$.Map.Item.Value.chunk", "index.$": "$$.Map.Item.Index"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "Keep",
            "States": {"Keep": {"Type": "Pass", "End": True}},
        },
        "End": True,
    }
    ended = stack.run(stack.machine({"StartAt": "Gather", "States": {"Gather": gather}}), {"manifest": "manifest"})
    assert json.loads(ended["output"]) == [{"chunk": n, "index": n} for n in range(30)]


def test_a_layer_is_on_the_import_path(stack, zip_of, name):
    packed = zip_of({"python/cellwave_probe.py": "WHERE = 'layer'"})
    published = getattr(stack, "lambda").publish_layer_version(LayerName=name, Content={"ZipFile": packed})
    code = "import cellwave_probe\ndef handler(e, c): return cellwave_probe.WHERE"
    assert stack.invoke(stack.function(code, layers=(published["LayerVersionArn"],))) == ("layer", None)


NOTE_PID_AND_SLEEP = """
import json, os, time
def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(os.getpid()) + "\\n")
    if sum(1 for _ in open(os.environ["SEEN"])) == 1:
        time.sleep(15)
    return "done"
"""


def test_a_worker_killed_at_work_is_an_error_and_no_hang(stack, poll):
    function = stack.function(NOTE_PID_AND_SLEEP)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(stack.invoke, function)
        os.kill(poll(lambda: stack.notes(function), "the handler to start")[0], signal.SIGKILL)
        assert answer.result(timeout=5)[1] == "Unhandled"
    assert stack.invoke(function) == ("done", None)


def test_a_matcher_killed_at_work_gets_the_same_records_again(stack, poll):
    name, arn = stack.stream()
    function = stack.function(NOTE_PID_AND_SLEEP)
    getattr(stack, "lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=arn, StartingPosition="TRIM_HORIZON"
    )
    stack.kinesis.put_record(StreamName=name, Data=b"{}", PartitionKey="lane-1")
    os.kill(poll(lambda: stack.notes(function), "the handler to start")[0], signal.SIGKILL)
    poll(lambda: len(stack.notes(function)) == 2, "the second try")


def test_a_blocked_shard_blocks_no_other_and_keeps_its_own_order(stack, poll):
    code = """
import base64, json, os
def handler(event, context):
    for record in event["Records"]:
        value = json.loads(base64.b64decode(record["kinesis"]["data"]))
        if value == "blocked" and not os.path.exists(os.environ["SEEN"] + ".open"):
            raise RuntimeError("blocked")
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(json.dumps(value) + "\\n")
"""
    name, arn = stack.stream(shards=2)
    function = stack.function(code)
    getattr(stack, "lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=arn, StartingPosition="TRIM_HORIZON", BatchSize=1
    )

    def put(value, lane):
        stack.kinesis.put_record(
            StreamName=name, Data=json.dumps(value).encode(), PartitionKey="lane", ExplicitHashKey=str(lane << 127)
        )

    put("blocked", 0)
    for value in range(5):
        put(value, 1)
    put("behind", 0)
    poll(lambda: stack.notes(function) == [0, 1, 2, 3, 4], "the other shard's records")
    time.sleep(0.5)
    assert stack.notes(function) == [0, 1, 2, 3, 4]
    stack.seen(function).with_suffix(".jsonl.open").touch()
    poll(lambda: stack.notes(function)[5:] == ["blocked", "behind"], "the blocked shard's records")


def test_a_mapping_goes_on_where_it_was_after_down_and_up(start, restart, poll):
    stack = start()
    name, arn = stack.stream()
    function = stack.function(NOTE_SEQUENCE_NUMBERS)
    getattr(stack, "lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=arn, StartingPosition="TRIM_HORIZON"
    )

    def put():
        return stack.kinesis.put_record(StreamName=name, Data=b"{}", PartitionKey="lane-1")["SequenceNumber"]

    numbers = [put(), put()]
    poll(lambda: stack.notes(function) == numbers, "the first records")
    restart(stack)
    numbers.append(put())
    poll(lambda: stack.notes(function)[2:], "the record after the restart")
    assert stack.notes(function) == numbers


NOTE_SEQUENCE_NUMBERS = """
import json, os
def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        for record in event["Records"]:
            seen.write(json.dumps(record["kinesis"]["sequenceNumber"]) + "\\n")
"""


def test_a_long_poll_returns_as_soon_as_a_message_is_there(stack):
    url, _ = stack.queue()
    with ThreadPoolExecutor(1) as pool:
        polled = pool.submit(stack.sqs.receive_message, QueueUrl=url, WaitTimeSeconds=10)
        begun = time.monotonic()
        stack.sqs.send_message(QueueUrl=url, MessageBody="touch")
        assert polled.result()["Messages"][0]["Body"] == "touch"
    assert time.monotonic() - begun < 5


def test_a_message_received_too_often_ends_in_the_dead_letter_queue(stack):
    dead, dead_arn = stack.queue()
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, _ = stack.queue(RedrivePolicy=policy)
    stack.sqs.send_message(QueueUrl=url, MessageBody="poison")
    for _ in range(2):
        received = stack.sqs.receive_message(QueueUrl=url)["Messages"][0]
        stack.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"], VisibilityTimeout=0)
    assert "Messages" not in stack.sqs.receive_message(QueueUrl=url)
    assert stack.sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "poison"


def test_a_received_message_is_invisible_until_its_timeout_ends(stack, poll):
    url, _ = stack.queue(VisibilityTimeout="1")
    stack.sqs.send_message(QueueUrl=url, MessageBody="touch")
    first = stack.sqs.receive_message(QueueUrl=url)["Messages"][0]
    assert "Messages" not in stack.sqs.receive_message(QueueUrl=url)
    again = poll(lambda: stack.sqs.receive_message(QueueUrl=url).get("Messages"), "it to be visible again")[0]
    assert again["MessageId"] == first["MessageId"]
    assert again["ReceiptHandle"] != first["ReceiptHandle"]


def test_a_queue_of_a_mapping_is_worked_off_and_failures_come_again(stack, poll):
    code = """
import json, os
def handler(event, context):
    failures = []
    for record in event["Records"]:
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(record["body"] + "\\n")
        if record["body"] == "7" and record["attributes"]["ApproximateReceiveCount"] == "1":
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
"""
    url, arn = stack.queue(VisibilityTimeout="1")
    function = stack.function(code)
    entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(10)]
    stack.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    getattr(stack, "lambda").create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=arn,
        BatchSize=5,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    poll(lambda: set(stack.notes(function)) == set(range(10)), "all messages")
    poll(lambda: stack.notes(function).count(7) >= 2, "the failed message again")


def test_localstacks_own_client_finds_every_service(stack, bucket, monkeypatch):
    for name, value in stack.running.environment().items():
        monkeypatch.setenv(name, value)
    session = Session()
    assert bucket in [one["Name"] for one in session.client("s3").list_buckets()["Buckets"]]
    assert session.client("stepfunctions").list_state_machines()["ResponseMetadata"]["HTTPStatusCode"] == 200
