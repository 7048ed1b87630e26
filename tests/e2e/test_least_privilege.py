"""Rights by record: what each handler calls is allowed by its role, and what its role allows is called.

No emulator refuses what IAM would. So every handler runs here against the deployed stack, each call is noted, and
the notes are held against the policy of the function's role as it was deployed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
import pytest
from tests.e2e.calls import Call, Rehearsal
from tests.e2e.deployed import Deployed, point
from tests.e2e.rights import allowing, rights
from tests.e2e.scene import Scene

Policies = Mapping[str, Sequence[Mapping[str, Any]]]

OF_THE_PLATFORM = {
    "WriteLogs": "Lambda writes the function's output",
    "Trace": "Lambda writes the traces",
    "ReadStream": "the event source mapping reads the stream",
    "ReportFailures": "Lambda reports what it gave up on",
}
NOT_REHEARSED: dict[tuple[str, str, str], str] = {
    ("emit_ticks", "UseDataKey", "kms:Decrypt"): "Lambda decrypts the function's settings by its role",
    ("gather_cohort", "UseDataKey", "kms:Decrypt"): "Lambda decrypts the function's settings by its role",
    ("match_signalling", "KeepState", "dynamodb:PutItem"): "a page or lane that has expired is written over",
    ("query_offers", "KeepJourneys", "dynamodb:BatchGetItem"): "a journey that changed meanwhile is read again",
    ("record_outcome", "KeepJourneys", "dynamodb:BatchGetItem"): "a journey that changed meanwhile is read again",
}
"""Function, Sid and action that no rehearsal uses, with the reason why it is allowed all the same."""


@pytest.fixture(scope="module")
def calls(deployed: Deployed) -> list[Call]:
    with pytest.MonkeyPatch.context() as patch:
        point(patch, deployed.environment)
        return Rehearsal(deployed.stack, Scene(deployed.stack, 9_001), patch).run()


@pytest.fixture(scope="module")
def policies(deployed: Deployed) -> Policies:
    """Each function's statements, by its folder; what they refer to is what was deployed."""
    with pytest.MonkeyPatch.context() as patch:
        point(patch, deployed.environment)
        found = {}
        for folder, name in json.loads(deployed.stack.outputs["FunctionNames"]).items():
            role = boto3.client("lambda").get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
            document: Any = boto3.client("iam").get_role_policy(RoleName=role, PolicyName="own-work")["PolicyDocument"]
            found[folder] = document["Statement"]
        return found


def test_every_call_of_every_function_is_allowed_by_its_role(
    deployed: Deployed, calls: list[Call], policies: Policies
) -> None:
    refused = {
        (call.function, call.operation, right.action, right.resource)
        for call in calls
        for right in rights(call.service, call.operation, call.params, deployed.stack.outputs["DataKeyArn"])
        if allowing(policies[call.function], right) is None
    }

    assert {call.function for call in calls} == set(policies)
    assert refused == set()


def test_no_role_allows_what_its_function_does_not_do(
    deployed: Deployed, calls: list[Call], policies: Policies
) -> None:
    used = {
        (call.function, allowing(policies[call.function], right), right.action)
        for call in calls
        for right in rights(call.service, call.operation, call.params, deployed.stack.outputs["DataKeyArn"])
    }
    allowed = {
        (function, statement["Sid"], action)
        for function, statements in policies.items()
        for statement in statements
        if statement["Sid"] not in OF_THE_PLATFORM
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }

    assert allowed - used == set(NOT_REHEARSED)
