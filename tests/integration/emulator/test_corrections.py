"""Each correction holds, and each is needed: its checks fail on a server that leaves it out."""

import io
import json
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cellwave_ops.emulator.corrections import CORRECTIONS

pytestmark = pytest.mark.emulator

Check = Callable[[Any], None]


@contextmanager
def accepted() -> Iterator[None]:
    """A call that must not be refused: a refusal is a failed assertion."""
    try:
        yield
    except ClientError as error:
        raise AssertionError from error


@contextmanager
def refused() -> Iterator[SimpleNamespace]:
    """A call that must be refused; yields where the error's code will be."""
    refusal = SimpleNamespace(code=None)
    try:
        yield refusal
    except ClientError as error:
        refusal.code = error.response["Error"]["Code"]
    assert refusal.code is not None, "it was accepted"


COUNTING = """
calls = 0
class AreaIsMissing(Exception):
    pass
def handler(event, context):
    global calls
    calls += 1
    if (event or {}).get("raise"):
        raise AreaIsMissing("no such area")
    return calls
"""

NOTING = """
import base64, json, os, time
def note(what):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(what) + "\\n")
def payloads(event):
    records = [record["kinesis"] for record in event["Records"]]
    return [(record["sequenceNumber"], json.loads(base64.b64decode(record["data"]))) for record in records]
"""


def a_failure_bears_the_class_of_its_exception(stack):
    answer, error = stack.invoke(stack.function(COUNTING), {"raise": True})
    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("AreaIsMissing", "no such area")
    assert "app.py" in answer["stackTrace"][0]


def a_raise_keeps_the_environment_warm(stack):
    function = stack.function(COUNTING)
    stack.invoke(function, {"raise": True})
    assert stack.invoke(function) == (2, None)


def a_machine_catches_an_exception_by_its_name(stack):
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": stack.function(COUNTING), "Payload": {"raise": True}},
        "Catch": [{"ErrorEquals": ["AreaIsMissing"], "Next": "Caught"}],
        "End": True,
    }
    caught = {"Type": "Pass", "Result": "caught", "End": True}
    ended = stack.run(stack.machine({"StartAt": "Try", "States": {"Try": task, "Caught": caught}}))
    assert ended.get("output") == '"caught"'


def a_process_that_dies_is_an_exit_error(stack):
    answer, error = stack.invoke(stack.function("import os\ndef handler(e, c): os.kill(os.getpid(), 9)"))
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")


def a_silent_handler_does_not_wait_for_a_log(stack):
    function = stack.function("def handler(event, context): return event")
    stack.invoke(function)
    times = []
    for _ in range(30):
        begun = time.perf_counter()
        stack.invoke(function)
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.045


def handlers_run_in_a_bounded_number_of_processes(stack):
    function = stack.function("import os, time\ndef handler(e, c):\n  time.sleep(0.3)\n  return os.getpid()")
    with ThreadPoolExecutor(9) as pool:
        pids = {pid for pid, _ in pool.map(lambda _: stack.invoke(function), range(9))}
    assert len(pids) <= 3


def two_workers_share_a_layer(stack):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("python/cellwave_shared.py", "")
    content = {"ZipFile": packed.getvalue()}
    published = getattr(stack, "lambda").publish_layer_version(LayerName=f"shared-{uuid.uuid4()}", Content=content)
    code = "import cellwave_shared\ndef handler(e, c): return cellwave_shared.__file__"
    functions = [stack.function(code, layers=(published["LayerVersionArn"],)) for _ in range(2)]
    (one, _), (other, _) = (stack.invoke(function) for function in functions)
    assert one == other


def mapped(stack, code, *, shards=1, **options):
    """A stream mapped to a function; returns the stream's name and the function's."""
    name, arn = stack.stream(shards)
    function = stack.function(NOTING + code)
    getattr(stack, "lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=arn, StartingPosition="TRIM_HORIZON", **{"BatchSize": 100} | options
    )
    return name, function


def put(stack, stream, values):
    records = [{"Data": json.dumps(value).encode(), "PartitionKey": "one"} for value in values]
    stack.kinesis.put_records(StreamName=stream, Records=records)


def records_behind_a_reported_failure_are_not_lost(stack):
    code = """
def handler(event, context):
    for number, value in payloads(event):
        seen = [json.loads(line) for line in open(os.environ["SEEN"])] if os.path.exists(os.environ["SEEN"]) else []
        note(value)
        if value == 5 and seen.count(5) < 2:
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}
"""
    stream, function = mapped(stack, code, FunctionResponseTypes=["ReportBatchItemFailures"])
    put(stack, stream, range(10))
    expected = [0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9]
    poll_notes(stack, function, lambda notes: len(notes) >= len(expected))
    assert stack.notes(function) == expected


RAISING_AT_POISON = """
def handler(event, context):
    values = [value for _, value in payloads(event)]
    if -1 in values:
        raise ValueError("poison")
    for value in values:
        note(value)
"""


def a_poison_record_is_split_off_given_up_and_reported(stack):
    url, queue = stack.queue()
    stream, function = mapped(
        stack,
        RAISING_AT_POISON,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    put(stack, stream, [0, 1, 2, -1, 4, 5])
    put(stack, stream, [6])
    poll_notes(stack, function, lambda notes: len(notes) >= 6)
    assert stack.notes(function) == [0, 1, 2, 4, 5, 6]
    message = stack.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]
    report = json.loads(message["Body"])
    assert report["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert report["KinesisBatchInfo"]["batchSize"] == 1
    assert "poison" not in message["Body"]


def a_batching_window_gathers_records(stack):
    code = "\ndef handler(event, context): note(len(event['Records']))"
    stream, function = mapped(stack, code, MaximumBatchingWindowInSeconds=2)
    for value in range(3):
        put(stack, stream, [value])
        time.sleep(0.3)
    poll_notes(stack, function, lambda notes: sum(notes) >= 3)
    assert stack.notes(function) == [3]


def poll_notes(stack, function, enough, within=8.0):
    deadline = time.monotonic() + within
    while not enough(stack.notes(function)):
        assert time.monotonic() < deadline, f"saw only {stack.notes(function)}"
        time.sleep(0.02)


def a_long_queue_costs_no_more_than_a_short_one(stack):
    short, _ = stack.queue()
    long, _ = stack.queue()
    entries = [{"Id": str(n), "MessageBody": "touch"} for n in range(10)]
    for url, batches in ((short, 50), (long, 1000)):
        for _ in range(batches):
            stack.sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def rounds(url):
        times = []
        for _ in range(40):
            begun = time.perf_counter()
            received = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
            handles = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(received)]
            stack.sqs.delete_message_batch(QueueUrl=url, Entries=handles)
            times.append(time.perf_counter() - begun)
        return min(times)

    in_long, in_short = rounds(long), rounds(short)
    assert in_long < 2.5 * in_short, (in_long, in_short)


def a_message_may_be_deleted_twice(stack):
    url, _ = stack.queue()
    stack.sqs.send_message(QueueUrl=url, MessageBody="touch")
    handle = stack.sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    for _ in range(2):
        with accepted():
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


def table(**more):
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            **more,
        },
    }


def a_template_sets_and_changes_the_time_to_live(stack):
    wanted = {"AttributeName": "expires_at", "Enabled": True}
    deployed = stack.deploy({"Table": table(TimeToLiveSpecification=wanted)})
    description = stack.dynamodb.describe_time_to_live(TableName=deployed["Table"])["TimeToLiveDescription"]
    assert description == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    stack.deploy({"Table": table()}, name=deployed["StackName"])
    description = stack.dynamodb.describe_time_to_live(TableName=deployed["Table"])["TimeToLiveDescription"]
    assert description["TimeToLiveStatus"] == "DISABLED"


def api(function_arn, *paths):
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    integration = {"httpMethod": "POST", "type": "aws_proxy", "uri": uri, "payloadFormatVersion": "2.0"}
    operations = {
        path: {"get": {"x-amazon-apigateway-integration": integration, "security": security, "responses": {}}}
        for path, security in paths
    }
    schemes = {
        "AWS_IAM": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "x-amazon-apigateway-authtype": "awsSigv4",
        },
        "Token": {
            "type": "apiKey",
            "name": "Unused",
            "in": "header",
            "x-amazon-apigateway-authorizer": {
                "type": "request",
                "authorizerUri": uri,
                "authorizerPayloadFormatVersion": "2.0",
                "enableSimpleResponses": True,
                "identitySource": "$request.header.X-Token",
            },
        },
    }
    body = {
        "openapi": "3.0.1",
        "info": {"version": "1.0", "title": "touches"},
        "paths": operations,
        "components": {"securitySchemes": schemes},
    }
    return {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}}


ANSWERING = """
def handler(event, context):
    if event.get("type") == "REQUEST":
        return {"isAuthorized": event["headers"]["x-token"] == "good"}
    return {"statusCode": 200, "body": event["rawPath"] + str(event.get("pathParameters"))}
"""


def get(stack, api_id, path, **headers):
    url = f"{stack.running.endpoint}/_aws/execute-api/{api_id}/$default{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def an_api_has_the_routes_of_its_body(stack):
    function = stack.function(ANSWERING)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    paths = [("/open/{id}", []), ("/signed", [{"AWS_IAM": []}]), ("/token", [{"Token": []}])]
    deployed = stack.deploy({"Api": api(arn, *paths)})
    api_id = deployed["Api"]
    assert get(stack, api_id, "/open/7") == (200, "/open/7{'id': '7'}")
    assert get(stack, api_id, "/signed")[0] == 403
    assert get(stack, api_id, "/signed", Authorization="AWS4-HMAC-SHA256 Credential=test/")[0] == 200
    assert get(stack, api_id, "/token")[0] == 401
    assert get(stack, api_id, "/token", **{"X-Token": "bad"})[0] == 403
    assert get(stack, api_id, "/token", **{"X-Token": "good"})[0] == 200
    assert get(stack, api_id, "/absent")[0] == 404
    stack.deploy({"Api": api(arn, ("/moved", []))}, name=deployed["StackName"])
    assert get(stack, api_id, "/moved")[0] == 200
    assert get(stack, api_id, "/open/7")[0] == 404


def stream_now(stack):
    anchor, start, scale = (float(part) for part in stack.running.clock.split(","))
    return start + (time.time() * 1000 - anchor) * scale


def a_wait_ends_when_the_stream_clock_says_so(stack):
    wait = {"Type": "Wait", "TimestampPath": "$.due", "Next": "Hour"}
    hour = {"Type": "Wait", "Seconds": 3600, "Next": "Done"}
    states = {"Wait": wait, "Hour": hour, "Done": {"Type": "Succeed"}}
    due_ms = stream_now(stack) + 2 * 3_600_000
    due = datetime.fromtimestamp(due_ms / 1000, UTC).isoformat(timespec="milliseconds")
    begun = time.monotonic()
    stack.run(stack.machine({"StartAt": "Wait", "States": states}), {"due": due.replace("+00:00", "Z")}, within=6)
    assert stream_now(stack) >= due_ms + 3_600_000
    assert time.monotonic() - begun >= 2.8


def a_retry_waits_real_seconds(stack):
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": stack.function(COUNTING), "Payload": {"raise": True}},
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}],
        "End": True,
    }
    begun = time.monotonic()
    stack.run(stack.machine({"StartAt": "Try", "States": {"Try": task}}))
    assert time.monotonic() - begun >= 2


WAITING = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 999_999, "End": True}}}


def the_same_start_twice_is_one_execution(stack):
    machine = stack.machine(WAITING)
    request = {"stateMachineArn": machine, "name": "wave-1", "input": '{"wave": 1}'}
    first = stack.stepfunctions.start_execution(**request)
    with accepted():
        assert stack.stepfunctions.start_execution(**request)["executionArn"] == first["executionArn"]
    with refused() as refusal:
        stack.stepfunctions.start_execution(**request | {"input": '{"wave": 2}'})
    assert refusal.code == "ExecutionAlreadyExists"


def a_name_that_aws_refuses_is_refused(stack):
    machine = stack.machine(WAITING)
    for name in ("a" * 81, "with space", "with#hash", "with/slash", "with:colon"):
        with refused() as refusal:
            stack.stepfunctions.start_execution(stateMachineArn=machine, name=name)
        assert refusal.code in ("InvalidName", "ValidationException")
    stack.stepfunctions.start_execution(stateMachineArn=machine, name="text-" + "0" * 75)


def a_nested_start_fails_by_the_name_that_aws_gives(stack):
    machine = stack.machine(WAITING)
    stack.stepfunctions.start_execution(stateMachineArn=machine, name="taken", input='{"wave": 1}')
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution",
        "Parameters": {"StateMachineArn": machine, "Name": "taken", "Input": {"wave": 2}},
        "Catch": [{"ErrorEquals": ["StepFunctions.ExecutionAlreadyExistsException"], "Next": "Already"}],
        "End": True,
    }
    states = {"Start": start, "Already": {"Type": "Pass", "Result": "already", "End": True}}
    assert stack.run(stack.machine({"StartAt": "Start", "States": states})).get("output") == '"already"'


def an_input_over_the_limit_is_refused(stack):
    machine = stack.machine(WAITING)
    with refused() as refusal:
        stack.stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps("x" * 262_144))
    assert refusal.code == "ValidationException"


def an_output_over_the_limit_fails_the_execution(stack):
    grow = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": stack.function("def handler(e, c): return 'x' * 263000")},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "End": True,
    }
    states = {"Grow": grow, "Caught": {"Type": "Pass", "End": True}}
    ended = stack.run(stack.machine({"StartAt": "Grow", "States": states}))
    assert (ended["status"], ended.get("error")) == ("FAILED", "States.DataLimitExceeded")


CHECKS: list[tuple[str, Check]] = [
    ("lambda_errors", a_failure_bears_the_class_of_its_exception),
    ("lambda_errors", a_raise_keeps_the_environment_warm),
    ("lambda_errors", a_machine_catches_an_exception_by_its_name),
    ("lambda_errors", a_process_that_dies_is_an_exit_error),
    ("lambda_logs", a_silent_handler_does_not_wait_for_a_log),
    ("lambda_processes", handlers_run_in_a_bounded_number_of_processes),
    ("lambda_layers", two_workers_share_a_layer),
    ("kinesis_mapping", records_behind_a_reported_failure_are_not_lost),
    ("kinesis_mapping", a_poison_record_is_split_off_given_up_and_reported),
    ("kinesis_mapping", a_batching_window_gathers_records),
    ("sqs_backlog", a_long_queue_costs_no_more_than_a_short_one),
    ("sqs_backlog", a_message_may_be_deleted_twice),
    ("template_ttl", a_template_sets_and_changes_the_time_to_live),
    ("http_api_body", an_api_has_the_routes_of_its_body),
    ("stepfunctions_clock", a_wait_ends_when_the_stream_clock_says_so),
    ("stepfunctions_starts", the_same_start_twice_is_one_execution),
    ("stepfunctions_starts", a_name_that_aws_refuses_is_refused),
    ("stepfunctions_starts", a_nested_start_fails_by_the_name_that_aws_gives),
    ("stepfunctions_limits", an_input_over_the_limit_is_refused),
    ("stepfunctions_limits", an_output_over_the_limit_fails_the_execution),
]

each_check = pytest.mark.parametrize(
    ("correction", "check"), CHECKS, ids=[f"{correction}-{check.__name__}" for correction, check in CHECKS]
)


@each_check
def test_the_embedded_stack_does_as_aws_does(stack, correction, check):
    check(stack)


@each_check
def test_without_its_correction_it_does_not(stack_without, correction, check):
    with pytest.raises(AssertionError):
        check(stack_without(correction))


def test_every_correction_has_a_check():
    assert {correction for correction, _ in CHECKS} == set(CORRECTIONS)


def test_a_retry_is_not_shortened_by_the_stream_clock(stack):
    a_retry_waits_real_seconds(stack)
