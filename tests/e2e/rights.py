"""Which right each call of AWS needs, and whether a role's policy gives it.

Source: Service Authorization Reference (actions and resource types of each service), and what each service's
guide says of customer managed keys: with S3, SQS and Kinesis the caller needs the key, too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

_ACCOUNT = "us-east-1:000000000000"
_STATEMENT = re.compile(r'(INSERT INTO|UPDATE) "([^"]+)"')
_PARTIQL = {"INSERT INTO": "PartiQLInsert", "UPDATE": "PartiQLUpdate"}
_CONDITIONS = ("StringEquals", "StringLike")


@dataclass(frozen=True)
class Right:
    """An action on a resource, with what conditions may ask of it."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def rights(service: str, operation: str, params: Mapping[str, Any], data_key: str) -> Iterator[Right]:
    """Yield the rights that a call needs. Raises KeyError for a call that nobody has mapped: map it here."""
    yield from {"dynamodb": _dynamodb, "s3": _s3, "sqs": _sqs, "kinesis": _kinesis, "kms": _kms, "stepfunctions": _sfn}[
        service
    ](operation, params, data_key)


def _dynamodb(operation: str, params: Mapping[str, Any], data_key: str) -> Iterator[Right]:
    yield Right("kms:Decrypt", data_key)
    if operation == "BatchExecuteStatement":
        for statement in params["Statements"]:
            found = _STATEMENT.match(statement["Statement"])
            assert found, statement["Statement"]
            yield Right(f"dynamodb:{_PARTIQL[found[1]]}", _table(found[2]))
    else:
        for table in params.get("RequestItems", [params.get("TableName")]):
            yield Right(f"dynamodb:{operation}", _table(table))


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{_ACCOUNT}:table/{name}"


def _s3(operation: str, params: Mapping[str, Any], data_key: str) -> Iterator[Right]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    if operation == "ListObjectsV2":
        yield Right("s3:ListBucket", bucket, {"s3:prefix": params["Prefix"]})
        return
    yield Right({"PutObject": "s3:PutObject", "GetObject": "s3:GetObject"}[operation], f"{bucket}/{params['Key']}")
    yield Right("kms:GenerateDataKey" if operation == "PutObject" else "kms:Decrypt", data_key)


def _sqs(operation: str, params: Mapping[str, Any], data_key: str) -> Iterator[Right]:
    queue = f"arn:aws:sqs:{_ACCOUNT}:{params['QueueUrl'].rpartition('/')[2]}"
    yield Right({"SendMessageBatch": "sqs:SendMessage"}[operation], queue)
    yield Right("kms:GenerateDataKey", data_key)
    yield Right("kms:Decrypt", data_key)


def _kinesis(operation: str, params: Mapping[str, Any], data_key: str) -> Iterator[Right]:
    stream = f"arn:aws:kinesis:{_ACCOUNT}:stream/{params['StreamName']}"
    yield Right({"PutRecords": "kinesis:PutRecords"}[operation], stream)
    yield Right("kms:GenerateDataKey", data_key)


def _kms(operation: str, params: Mapping[str, Any], data_key: str) -> Iterator[Right]:
    context = {f"kms:EncryptionContext:{name}": value for name, value in params["EncryptionContext"].items()}
    yield Right(f"kms:{operation}", params["KeyId"], context)


def _sfn(operation: str, params: Mapping[str, Any], data_key: str) -> Iterator[Right]:
    yield Right({"StartExecution": "states:StartExecution"}[operation], params["stateMachineArn"])


def allowing(statements: Sequence[Mapping[str, Any]], right: Right) -> str | None:
    """Return the Sid of the first statement that gives a right, None where none does."""
    for statement in statements:
        assert statement["Effect"] == "Allow"
        resources = _list(statement["Resource"])
        if (
            right.action in _list(statement["Action"])
            and any(fnmatchcase(right.resource, resource) for resource in resources)
            and _holds(statement.get("Condition", {}), right.context)
        ):
            return str(statement["Sid"])
    return None


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, asked in condition.items():
        assert operator in _CONDITIONS, operator
        for key, values in asked.items():
            value = context.get(key)
            same = fnmatchcase if operator == "StringLike" else str.__eq__
            if value is None or not any(same(value, one) for one in _list(values)):
                return False
    return True


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
