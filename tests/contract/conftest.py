"""The three worlds in which each port's suite runs, and what the suites need to exist in them."""

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from cellwave.adapters.clients import Clients
from cellwave.adapters.memory import ManualClock
from cellwave_ops.emulator import lifecycle

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeySchemaElementTypeDef

ROLE = "arn:aws:iam::000000000000:role/test"
ON_AWS = ["moto", pytest.param("emulator", marks=pytest.mark.emulator)]


class World:
    """Where a suite runs: in memory (no clients), on moto or on the embedded stack."""

    def __init__(self, clients: Clients | None):
        self.clock = ManualClock()
        self._clients = clients

    @property
    def in_memory(self) -> bool:
        return self._clients is None

    @property
    def aws(self) -> Clients:
        assert self._clients is not None
        return self._clients

    def table(self, kind: str) -> str:
        """A new table with the keys of one of the template's tables."""
        name = unique(kind)
        schema: list[KeySchemaElementTypeDef] = [{"AttributeName": "pk", "KeyType": "HASH"}]
        if kind != "vault":
            schema.append({"AttributeName": "sk", "KeyType": "RANGE"})
        self.aws.dynamodb.create_table(
            TableName=name,
            KeySchema=schema,
            AttributeDefinitions=[{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in schema],
            BillingMode="PAY_PER_REQUEST",
        )
        return name

    def bucket(self) -> str:
        name = unique("bucket")
        self.aws.s3.create_bucket(Bucket=name)
        return name

    def queue(self) -> str:
        return str(self.aws.sqs.create_queue(QueueName=unique("queue"))["QueueUrl"])

    def kms_key(self) -> str:
        return str(self.aws.kms.create_key()["KeyMetadata"]["Arn"])

    def machine(self) -> str:
        definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
        made = self.aws.stepfunctions.create_state_machine(
            name=unique("machine"), definition=json.dumps(definition), roleArn=ROLE
        )
        return str(made["stateMachineArn"])


def unique(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(params=["memory", *ON_AWS])
def world(request: pytest.FixtureRequest) -> World:
    """Each world in turn: what passes in all of them may stand in for each other."""
    return _world(request)


@pytest.fixture(params=ON_AWS)
def aws_world(request: pytest.FixtureRequest) -> World:
    """The worlds with AWS clients: for what the memory adapters have no counterpart of."""
    return _world(request)


def _world(request: pytest.FixtureRequest) -> World:
    clients = None if request.param == "memory" else request.getfixturevalue(f"{request.param}_clients")
    return World(clients)


@pytest.fixture(scope="session")
def emulator_clients(emulator: lifecycle.Running) -> Clients:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in emulator.environment().items():
            environment.setenv(name, value)
        return _made(Clients())


@pytest.fixture(scope="session")
def clients_of_moto() -> Clients:
    with mock_aws(), pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        return _made(Clients())


@pytest.fixture
def moto_clients(clients_of_moto: Clients, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    """Clients of an empty moto that takes one request at a time: it judges a condition and writes in two steps."""
    process, alone = BotocoreStubber.process_request, threading.Lock()

    def one_at_a_time(*arguments: Any) -> Any:
        with alone:
            return process(*arguments)

    monkeypatch.setattr(BotocoreStubber, "process_request", one_at_a_time)
    judge = partial(judge_statements, clients_of_moto.dynamodb)
    events = clients_of_moto.dynamodb.meta.events
    events.register_last("before-call.dynamodb.BatchExecuteStatement", judge)
    with mock_aws():
        yield clients_of_moto
    events.unregister("before-call.dynamodb.BatchExecuteStatement", judge)


def judge_statements(client: "DynamoDBClient", params: dict[str, Any], **_: Any) -> Any:
    """Answer BatchExecuteStatement by moto's PutItem and UpdateItem.

    moto's own PartiQL takes no parameters in an INSERT and judges no condition; those two operations do.
    """
    responses: list[dict[str, Any]] = []
    for statement in json.loads(params["body"], object_hook=_binary)["Statements"]:
        try:
            _run_statement(client, statement["Statement"], statement["Parameters"])
            responses.append({})
        except client.exceptions.ConditionalCheckFailedException:
            insert = statement["Statement"].startswith("INSERT")
            responses.append({"Error": {"Code": "DuplicateItem" if insert else "ConditionalCheckFailed"}})
        except ClientError as error:
            responses.append({"Error": {"Code": error.response["Error"]["Code"].removesuffix("Exception")}})
    return SimpleNamespace(status_code=200), {"Responses": responses}


def _binary(value: dict[str, Any]) -> dict[str, Any]:
    """Decode a binary value, which goes over the wire in base64."""
    return {"B": base64.b64decode(value["B"])} if value.keys() == {"B"} else value


def _run_statement(client: "DynamoDBClient", text: str, values: list[Any]) -> None:
    table = text.split('"')[1]
    if text.startswith("INSERT"):
        item = dict(zip(re.findall(r"'(\w+)': \?", text), values, strict=True))
        client.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)")
        return
    sets, where = text.split(" WHERE ")
    changed = re.findall(r'SET "(\w+)"=\?', sets)
    asked = re.findall(r'"(\w+)"([=>])\?', where)
    named = {f":v{number}": value for number, value in enumerate(values)}
    names = iter(list(named))
    update = "SET " + ", ".join(f"#{name} = {next(names)}" for name in changed)
    keys = {name: named.pop(next(names)) for name, _ in asked[:2]}
    condition = " AND ".join(f"#{name} {sign} {next(names)}" for name, sign in asked[2:])
    client.update_item(
        TableName=table,
        Key=keys,
        UpdateExpression=update,
        ConditionExpression=condition,
        ExpressionAttributeNames={f"#{name}": name for name in {*changed, *(name for name, _ in asked[2:])}},
        ExpressionAttributeValues=named,
    )


def _made(clients: Clients) -> Clients:
    """Make every client now, while the environment names its endpoint."""
    for service in ("dynamodb", "kinesis", "kms", "s3", "sqs", "stepfunctions"):
        getattr(clients, service)
    return clients


@pytest.fixture
def race() -> Callable[[Callable[[int], Any], int], list[Any]]:
    """Run `call(0)`, … `call(n - 1)` at the same moment, and return their results or the errors they raised."""

    def run(call: Callable[[int], Any], runners: int) -> list[Any]:
        start = threading.Barrier(runners)

        def runner(number: int) -> Any:
            start.wait()
            try:
                return call(number)
            except Exception as error:
                return error

        with ThreadPoolExecutor(runners) as pool:
            return list(pool.map(runner, range(runners)))

    return run


@pytest.fixture
def holding_back() -> Callable[..., Any]:
    """Let a batch operation's first `times` requests do without their last entry, and report that as not taken.

    `take(body)` removes the entry from the request's JSON and returns it, `report(parsed, entry)` adds it to the
    answer. Yields how often the operation was called, as a list of one entry a call.
    """

    @contextmanager
    def hold(
        client: Any, operation: str, take: Callable[[Any], Any], report: Callable[[Any, Any], None], times: int = 1
    ) -> Iterator[Sequence[int]]:
        held: list[Any] = []
        calls: list[int] = []

        def before(params: dict[str, Any], **_: Any) -> None:
            calls.append(len(calls) + 1)
            if len(calls) <= times:
                body = json.loads(params["body"])
                held.append(take(body))
                params["body"] = json.dumps(body).encode()

        def after(parsed: dict[str, Any], **_: Any) -> None:
            if held:
                report(parsed, held.pop())

        service = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register_first(f"before-call.{service}.{operation}", before)
        client.meta.events.register_last(f"after-call.{service}.{operation}", after)
        try:
            yield calls
        finally:
            client.meta.events.unregister(f"before-call.{service}.{operation}", before)
            client.meta.events.unregister(f"after-call.{service}.{operation}", after)

    return hold
