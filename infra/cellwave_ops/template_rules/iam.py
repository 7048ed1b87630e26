"""Rules for IAM: no wildcard, own roles, and who may read what.

A wildcard is in order in three places only: a Deny, a key policy (there "*" means the key itself), and an action
that AWS gives no resource for, which must stand with its reason in `WITHOUT_RESOURCE`. The end of an ARN may be
open below a named parent, as in `<bucket>/cohorts/*`.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from cellwave_ops.template_rules.document import Json, refers_to, resources

WITHOUT_RESOURCE: Final[dict[str, str]] = {
    "logs:CreateLogDelivery": "Step Functions hands its logs over by log delivery, which has no resource type",
    "logs:DeleteLogDelivery": "as logs:CreateLogDelivery",
    "logs:DescribeLogGroups": "lists all groups; Step Functions asks it when logging is set up",
    "logs:DescribeResourcePolicies": "account-wide; Step Functions asks it when logging is set up",
    "logs:GetLogDelivery": "as logs:CreateLogDelivery",
    "logs:ListLogDeliveries": "as logs:CreateLogDelivery",
    "logs:PutResourcePolicy": "account-wide; Step Functions lets the delivery service write to the group",
    "logs:UpdateLogDelivery": "as logs:CreateLogDelivery",
    "xray:GetSamplingRules": "X-Ray's sampling has no resource type",
    "xray:GetSamplingTargets": "X-Ray's sampling has no resource type",
    "xray:PutTelemetryRecords": "X-Ray's segments have no resource type",
    "xray:PutTraceSegments": "X-Ray's segments have no resource type",
}

_DOCUMENTS: Final = {
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::IAM::Policy": "PolicyDocument",
    "AWS::IAM::ManagedPolicy": "PolicyDocument",
}
_OPEN_END: Final = re.compile(r"[^*?]*[^*?:/][:/]\*")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield (logical id, resource type, statement) of every policy in the template, trust policies included."""
    for name, resource in template["Resources"].items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        documents = [properties[_DOCUMENTS[kind]]] if kind in _DOCUMENTS else []
        if kind == "AWS::IAM::Role":
            documents = [properties["AssumeRolePolicyDocument"]]
            documents += [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for document in documents:
            for statement in _list(document["Statement"]):
                yield name, kind, statement


def problems(template: Json) -> list[str]:
    """Return every breach of the rules above."""
    found = list(_unowned_roles(template))
    for name, kind, statement in statements(template):
        where = f"{name} {statement.get('Sid', '(no Sid)')}"
        if statement["Effect"] == "Allow":
            found += _loose_parts(where, statement)
            if kind != "AWS::KMS::Key":
                found += _loose_resources(where, statement)
    return found


def _unowned_roles(template: Json) -> Iterator[str]:
    for name, properties in resources(template, "AWS::IAM::Role"):
        if properties.get("ManagedPolicyArns"):
            yield f"{name}: managed policies hold wildcards; write the statements out"
    for name, properties in resources(template, "AWS::Serverless::Function", "AWS::Serverless::StateMachine"):
        role = refers_to(properties.get("Role"))
        if template["Resources"].get(role, {}).get("Type") != "AWS::IAM::Role":
            yield f"{name}: needs a Role of this template, or SAM adds managed policies with wildcards"


def _loose_parts(where: str, statement: Json) -> Iterator[str]:
    for part in ("NotAction", "NotResource", "NotPrincipal"):
        if part in statement:
            yield f"{where}: {part} allows what nobody thought of"
    for action in _list(statement.get("Action", [])):
        if "*" in action or "?" in action:
            yield f"{where}: wildcard in action {action}"
    principal = statement.get("Principal", {})
    for value in _list(principal) if not isinstance(principal, dict) else principal.values():
        if "*" in _list(value):
            yield f"{where}: anybody is principal"


def _loose_resources(where: str, statement: Json) -> Iterator[str]:
    for resource in _list(statement.get("Resource", [])):
        text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
        text = text[0] if isinstance(text, list) else text
        if text == "*":
            for action in _list(statement["Action"]):
                if action not in WITHOUT_RESOURCE:
                    yield f'{where}: {action} on Resource "*"'
        elif ("*" in text or "?" in text) and not _OPEN_END.fullmatch(text):
            yield f"{where}: wildcard within resource {text}"


def grants(template: Json, resource: str) -> dict[str, set[str]]:
    """Return the actions that each role is allowed on a resource of the template, by the role's logical id."""
    found: dict[str, set[str]] = {}
    for name, kind, statement in statements(template):
        named = [refers_to(part) for part in _list(statement.get("Resource", []))]
        if kind == "AWS::IAM::Role" and statement["Effect"] == "Allow" and resource in named:
            found.setdefault(name, set()).update(_list(statement["Action"]))
    return found


def purposes(template: Json, key: str) -> dict[str, set[str]]:
    """Return the purposes (of the encryption context) for which each role may use a key; `any` where none is asked."""
    found: dict[str, set[str]] = {}
    for name, kind, statement in statements(template):
        named = [refers_to(part) for part in _list(statement.get("Resource", []))]
        if kind == "AWS::IAM::Role" and key in named:
            asked = statement.get("Condition", {}).get("StringEquals", {})
            found.setdefault(name, set()).update(_list(asked.get("kms:EncryptionContext:purpose", "any")))
    return found
