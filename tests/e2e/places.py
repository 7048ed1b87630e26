"""Every place in which a stack may keep something, read as bytes; and the search for numbers in it."""

import base64
import json
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import boto3
import zstandard

Place = tuple[str, str, bytes]
"""Kind of place, name in it, what stands there."""

_RUNS = re.compile(rb"[0-9]{8,}")
_LEAST_SHARED = 8
"""Digits that the numbers of a group share at least: fewer would be found in base64 of anything."""


def found(places: Iterator[Place], secrets: Collection[str]) -> list[tuple[str, str]]:
    """Return kind and name of every place in which one of these numbers stands, as digits or as base64 of them."""
    sizes = sorted({len(secret) for secret in secrets})
    raw = {secret.encode() for secret in secrets}
    encoded = [re.compile(b"|".join(map(re.escape, _base64_of(group)))) for group in _alike(secrets)]
    hits = []
    for kind, name, content in places:
        whole = name.encode() + b"\n" + content
        digits = any(
            run[at : at + size] in raw
            for run in set(_RUNS.findall(whole))
            for size in sizes
            for at in range(len(run) - size + 1)
        )
        if digits or any(pattern.search(whole) for pattern in encoded):
            hits.append((kind, name))
    return hits


def _alike(secrets: Collection[str]) -> Iterator[str]:
    """Yield what groups of numbers (of one length, with one beginning) begin with."""
    groups: dict[tuple[int, str], list[str]] = {}
    for secret in secrets:
        groups.setdefault((len(secret), secret[:_LEAST_SHARED]), []).append(secret)
    for group in groups.values():
        least, most = min(group), max(group)
        alike = (at for at, (a, b) in enumerate(zip(least, most, strict=True)) if a != b)
        yield least[: next(alike, len(least))]


def _base64_of(text: str) -> Iterator[bytes]:
    """Yield the characters that a text gives in base64 wherever in a longer text it stands."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode())
        whole = (before + len(text)) * 8 // 6  # the last character depends on what follows
        yield encoded[-(-before * 8 // 6) : whole]


def all_places(folder: Path, but: Collection[str]) -> Iterator[Place]:
    """Yield all that the account and the instance's folder hold, but these subfolders."""
    for read in (_tables, _objects, _queues, _logs, _machines, _streams, _functions, _parameters):
        yield from read()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).parts[0] not in but:
            yield "file", str(path.relative_to(folder)), path.read_bytes()


def _pages(service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    client = boto3.client(service)  # type: ignore[call-overload]
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page.get(key, [])
    else:
        yield from getattr(client, operation)(**arguments).get(key, [])


def _text(value: Any) -> bytes:
    """Return all that a document holds, its bytes as they are."""
    binary: list[bytes] = []

    def keep(other: Any) -> str:
        if isinstance(other, bytes):
            binary.append(other)
            return ""
        return str(other)

    return json.dumps(value, default=keep).encode() + b"\n" + b"\n".join(binary)


def _tables() -> Iterator[Place]:
    for table in _pages("dynamodb", "list_tables", "TableNames"):
        for item in _pages("dynamodb", "scan", "Items", TableName=table):
            yield "table item", f"{table} {_text(item.get('pk')).decode()}", _text(item)


def _objects() -> Iterator[Place]:
    s3 = boto3.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        if name.startswith("aws-sam-cli"):
            continue  # what was built; it stands in the build folder too
        for entry in _pages("s3", "list_objects_v2", "Contents", Bucket=name):
            key = entry["Key"]
            yield "object key", f"{name}/{key}", b""
            yield "object body", f"{name} ({entry['Size']} bytes)", s3.get_object(Bucket=name, Key=key)["Body"].read()


def _queues() -> Iterator[Place]:
    sqs = boto3.client("sqs")
    for url in _pages("sqs", "list_queues", "QueueUrls"):
        while messages := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=5, WaitTimeSeconds=0, MessageAttributeNames=["All"]
        ).get("Messages", []):
            for message in messages:
                yield "message", url, _text(message)


def _logs() -> Iterator[Place]:
    for group in _pages("logs", "describe_log_groups", "logGroups"):
        name = group["logGroupName"]
        for event in _pages("logs", "filter_log_events", "events", logGroupName=name):
            yield "log event", name, event["message"].encode()


def _machines() -> Iterator[Place]:
    sfn = boto3.client("stepfunctions")
    for machine in _pages("stepfunctions", "list_state_machines", "stateMachines"):
        arn = machine["stateMachineArn"]
        for execution in _pages("stepfunctions", "list_executions", "executions", stateMachineArn=arn):
            described = sfn.describe_execution(executionArn=execution["executionArn"])
            yield "execution name", described["name"], b""
            yield "execution input", arn, described.get("input", "").encode()
            yield "execution output", arn, described.get("output", "").encode()
            events = _pages("stepfunctions", "get_execution_history", "events", executionArn=execution["executionArn"])
            yield "execution history", arn, _text(list(events))


def _streams() -> Iterator[Place]:
    kinesis = boto3.client("kinesis")
    unpack = zstandard.ZstdDecompressor().decompress
    for stream in _pages("kinesis", "list_streams", "StreamNames"):
        for shard in _pages("kinesis", "list_shards", "Shards", StreamName=stream):
            start = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while (answer := kinesis.get_records(ShardIterator=start, Limit=10_000))["Records"]:
                for record in answer["Records"]:
                    yield "stream record", f"{stream} {record['PartitionKey']}", _unpacked(record["Data"], unpack)
                start = answer["NextShardIterator"]


def _unpacked(data: bytes, unpack: Callable[[bytes], bytes]) -> bytes:
    try:
        return unpack(data[1:]) if data[:1] == b"\x01" else data
    except zstandard.ZstdError:
        return data


def _functions() -> Iterator[Place]:
    for function in _pages("lambda", "list_functions", "Functions"):
        yield "function settings", function["FunctionName"], _text(function)


def _parameters() -> Iterator[Place]:
    for parameter in _pages("ssm", "describe_parameters", "Parameters"):
        value = boto3.client("ssm").get_parameter(Name=parameter["Name"], WithDecryption=True)
        yield "parameter", parameter["Name"], _text(value["Parameter"])
    for secret in _pages("secretsmanager", "list_secrets", "SecretList"):
        yield "secret", secret["Name"], _text(secret)
    for stack in _pages("cloudformation", "describe_stacks", "Stacks"):
        yield "stack", stack["StackName"], _text(stack)
