"""No number of a person is anywhere but where it came from: not raw, not in base64, not in a compressed record."""

import base64
import io
import json
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from tests.e2e.deployed import Deployed
from tests.e2e.main_job import MainJob
from tests.e2e.places import all_places, found
from tests.e2e.scene import Scene

from cellwave.contracts.stream import encode_record
from cellwave.domain.signalling import Event

SOURCES = ("material", "build")
"""Where the numbers came from, and what SAM built before any was there."""


def test_no_number_of_the_town_is_left_anywhere(deployed: Deployed, main_job: MainJob) -> None:
    places = list(all_places(deployed.running.folder, SOURCES))

    assert len(main_job.secrets) > 700
    assert {kind for kind, _, content in places} >= {
        "table item",
        "object key",
        "object body",
        "message",
        "log event",
        "execution name",
        "execution input",
        "execution output",
        "execution history",
        "stream record",
        "function settings",
        "stack",
        "file",
    }
    files = {Path(name).name for kind, name, _ in places if kind == "file"}
    assert files >= {"server.log", "deploy.log", "events.jsonl", "quarantine.jsonl", "sms-outbox.jsonl", "sms.log"}
    assert found(iter(places), main_job.secrets) == []


def test_the_search_finds_the_numbers_where_they_came_from(deployed: Deployed, main_job: MainJob) -> None:
    hits = found(all_places(deployed.running.folder, ("build", "state", "tmp")), main_job.secrets)

    assert {kind for kind, _ in hits} == {"file"}
    assert {name.split("/")[0] for _, name in hits} == {"material"}


Plant = Callable[[Deployed, str], None]


def _item(deployed: Deployed, secret: str) -> None:
    item: dict[str, Any] = {"pk": {"S": f"planted-{uuid.uuid4().hex}"}, "sealed": {"B": f"..{secret}".encode()}}
    boto3.client("dynamodb").put_item(TableName=deployed.stack.outputs["VaultTable"], Item=item)


def _key(deployed: Deployed, secret: str) -> None:
    _put(deployed, f"planted/{secret}.json", b"")


def _body(deployed: Deployed, secret: str) -> None:
    _put(deployed, f"planted/{uuid.uuid4().hex}", b'{"to": "' + base64.b64encode(b"tel:+" + secret.encode()) + b'"}')


def _put(deployed: Deployed, key: str, body: bytes) -> None:
    boto3.client("s3").put_object(Bucket=deployed.stack.outputs["DataBucket"], Key=key, Body=body)


def _message(deployed: Deployed, secret: str) -> None:
    url = deployed.stack.channel_dlqs["push"]
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody=f"call +{secret}")


def _log(deployed: Deployed, secret: str) -> None:
    logs = boto3.client("logs")
    group = f"planted-{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    at = int(deployed.stack.wiring.clock.wall()) * 1000
    events = [{"timestamp": at, "message": f"claimed for {secret}"}]
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)  # type: ignore[arg-type]


def _execution_name(deployed: Deployed, secret: str) -> None:
    _execute(name=f"wave-{secret}")


def _execution_input(deployed: Deployed, secret: str) -> None:
    _execute(input=json.dumps({"members": [secret]}))


def _execute(**arguments: str) -> None:
    machines = boto3.client("stepfunctions")
    role = "arn:aws:iam::000000000000:role/test"
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}})
    machine = machines.create_state_machine(name=f"planted-{uuid.uuid4().hex}", definition=definition, roleArn=role)
    machines.start_execution(stateMachineArn=machine["stateMachineArn"], **arguments)


def _record(deployed: Deployed, secret: str) -> None:
    data = encode_record("planted", 1, 0, 1, events=[Event(secret, 1, "sighting", "cell")])
    stream = deployed.stack.outputs["SignallingStream"]
    boto3.client("kinesis").put_record(StreamName=stream, Data=data, PartitionKey="planted")


def _function(deployed: Deployed, secret: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("handler.py", "")
    boto3.client("lambda").create_function(
        FunctionName=f"planted-{uuid.uuid4().hex[:10]}",
        Role="arn:aws:iam::000000000000:role/test",
        Runtime="python3.11",
        Handler="handler.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"TEST_NUMBER": secret}},
    )


def _parameter(deployed: Deployed, secret: str) -> None:
    boto3.client("ssm").put_parameter(Name=f"planted-{uuid.uuid4().hex}", Value=secret, Type="String")


def _file(deployed: Deployed, secret: str) -> None:
    (deployed.running.folder / f"planted-{uuid.uuid4().hex}.log").write_text(f"+{secret}")


PLANTS: dict[str, Plant] = {
    "table item": _item,
    "object key": _key,
    "object body": _body,
    "message": _message,
    "log event": _log,
    "execution name": _execution_name,
    "execution input": _execution_input,
    "stream record": _record,
    "function settings": _function,
    "parameter": _parameter,
    "file": _file,
}


def test_the_search_finds_a_number_planted_in_each_kind_of_place(deployed: Deployed, scene: Scene) -> None:
    lengths = {"table item": 15, "object key": 14}  # IMSI and IMEI are longer than numbers
    planted = {kind: f"99963{scene.salt:04d}{n:03d}".ljust(lengths.get(kind, 12), "7") for n, kind in enumerate(PLANTS)}
    for kind, plant in PLANTS.items():
        plant(deployed, planted[kind])

    hits = found(all_places(deployed.running.folder, SOURCES), planted.values())

    assert {kind for kind, _ in hits} >= set(PLANTS)
