"""Least privilege: what the template allows, and that the rules notice what it must not."""

from collections.abc import Callable
from typing import Any

import pytest

from cellwave_ops.template_rules import iam
from cellwave_ops.template_rules.document import refers_to

Json = dict[str, Any]


def _statement(resources: Json, role: str, sid: str) -> Json:
    [found] = [
        s
        for policy in resources[role]["Properties"]["Policies"]
        for s in policy["PolicyDocument"]["Statement"]
        if s["Sid"] == sid
    ]
    return found


def test_no_policy_of_the_template_is_wider_than_it_must_be(template: Json) -> None:
    assert iam.problems(template) == []


def _wild_action(resources: Json) -> None:
    _statement(resources, "EmitTicksRole", "PutTicks")["Action"] = "kinesis:*"


def _any_resource(resources: Json) -> None:
    _statement(resources, "EmitTicksRole", "PutTicks")["Resource"] = "*"


def _wild_middle(resources: Json) -> None:
    _statement(resources, "EmitTicksRole", "PutTicks")["Resource"] = {
        "Fn::Sub": "arn:aws:kinesis:*:${AWS::AccountId}:stream/x"
    }


def _any_name(resources: Json) -> None:
    _statement(resources, "EmitTicksRole", "PutTicks")["Resource"] = {
        "Fn::Sub": "arn:aws:kinesis:eu-west-1:${AWS::AccountId}:stream/${AWS::StackName}-*"
    }


def _not_action(resources: Json) -> None:
    _statement(resources, "EmitTicksRole", "PutTicks")["NotAction"] = "iam:*"


def _managed(resources: Json) -> None:
    resources["EmitTicksRole"]["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]


def _no_role(resources: Json) -> None:
    del resources["EmitTicksFunction"]["Properties"]["Role"]


def _anybody(resources: Json) -> None:
    resources["LogsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][1]["Principal"] = "*"


def _anybody_to_the_key(resources: Json) -> None:
    resources["DataKey"]["Properties"]["KeyPolicy"]["Statement"][0]["Principal"] = {"AWS": "*"}


@pytest.mark.parametrize(
    ("breach", "problem"),
    [
        (_wild_action, "EmitTicksRole PutTicks: wildcard in action"),
        (_any_resource, 'EmitTicksRole PutTicks: kinesis:PutRecords on Resource "*"'),
        (_wild_middle, "EmitTicksRole PutTicks: wildcard within resource"),
        (_any_name, "EmitTicksRole PutTicks: wildcard within resource"),
        (_not_action, "EmitTicksRole PutTicks: NotAction"),
        (_managed, "EmitTicksRole: managed policies"),
        (_no_role, "EmitTicksFunction: needs a Role"),
        (_anybody, "LogsBucketPolicy AccessLogs: anybody"),
        (_anybody_to_the_key, "DataKey AccountDecidesByIam: anybody"),
    ],
)
def test_a_policy_that_is_too_wide_is_named(
    template: Json, resources: Json, breach: Callable[[Json], None], problem: str
) -> None:
    breach(resources)

    assert [p for p in iam.problems(template) if p.startswith(problem)] != []


def test_every_action_excused_from_a_resource_is_in_use(template: Json) -> None:
    on_all = {
        action
        for _, kind, statement in iam.statements(template)
        if kind == "AWS::IAM::Role" and statement.get("Resource") == "*"
        for action in statement["Action"]
    }

    assert on_all == set(iam.WITHOUT_RESOURCE)


def test_only_the_claim_may_read_the_vault_and_nobody_may_write_it(template: Json) -> None:
    assert iam.grants(template, "VaultTable") == {"ClaimTouchRole": {"dynamodb:GetItem"}}


def test_each_function_unwraps_the_keys_of_its_own_purposes_only(template: Json) -> None:
    assert iam.purposes(template, "PeopleKey") == {
        "MatchSignallingRole": {"touch", "list"},
        "DispatchWaveRole": {"touch"},
        "ClaimTouchRole": {"touch", "vault"},
        "RecordOutcomeRole": {"touch"},
        "QueryOffersRole": {"pseudonym", "touch"},
    }
    assert all(actions == {"kms:Decrypt"} for actions in iam.grants(template, "PeopleKey").values())


def test_the_ledger_is_append_only(template: Json) -> None:
    assert iam.grants(template, "LedgerTable") == {"RecordOutcomeRole": {"dynamodb:PutItem", "dynamodb:Query"}}


def test_no_function_writes_what_is_published(template: Json) -> None:
    granted = iam.grants(template, "RegistryTable")

    assert set().union(*granted.values()) == {"dynamodb:GetItem", "dynamodb:Query"}


def test_no_two_functions_share_a_role(resources: Json) -> None:
    roles = [
        refers_to(resource["Properties"]["Role"])
        for resource in resources.values()
        if resource["Type"] in ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
    ]

    assert len(roles) == len(set(roles)) == 10


def test_the_machine_may_call_the_functions_of_its_definition_and_no_other(template: Json, resources: Json) -> None:
    substituted = resources["WaveMachine"]["Properties"]["DefinitionSubstitutions"].values()
    functions = {name for name in map(refers_to, substituted) if name and name.endswith("Function")}

    called = {f for f in resources if "lambda:InvokeFunction" in iam.grants(template, f).get("WaveMachineRole", set())}

    assert called == functions
