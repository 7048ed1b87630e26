"""Rules for resources: encryption, expiry, retention, dead letters, alarms that point at something."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from cellwave_ops.template_rules.document import Json, refers_to, resources

# What the dimension of an alarm must name, by CloudWatch's namespace.
_WATCHED: Final = {
    "AWS/ApiGateway": ("ApiId", ("AWS::Serverless::HttpApi", "AWS::ApiGatewayV2::Api")),
    "AWS/Kinesis": ("StreamName", ("AWS::Kinesis::Stream",)),
    "AWS/Lambda": ("FunctionName", ("AWS::Serverless::Function", "AWS::Lambda::Function")),
    "AWS/SQS": ("QueueName", ("AWS::SQS::Queue",)),
    "AWS/States": ("StateMachineArn", ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine")),
}


def problems(template: Json) -> list[str]:
    """Return every breach, one sentence each."""
    rules: tuple[Callable[[Json], Iterator[str]], ...] = (
        _tables,
        _queues,
        _log_groups,
        _buckets,
        _stream_and_keys,
        _alarms,
    )
    return [problem for rule in rules for problem in rule(template)]


def _tables(template: Json) -> Iterator[str]:
    for name, table in resources(template, "AWS::DynamoDB::Table"):
        if table.get("TimeToLiveSpecification") != {"AttributeName": "expires_at", "Enabled": True}:
            yield f"{name}: TTL on expires_at is missing"
        if table.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield f"{name}: point-in-time recovery is missing"
        encryption = table.get("SSESpecification", {})
        if not encryption.get("SSEEnabled") or not _is_key(template, encryption.get("KMSMasterKeyId")):
            yield f"{name}: encryption under a key of this template is missing"
        if "DeletionProtectionEnabled" not in table:
            yield f"{name}: nothing says whether it is protected from deletion"


def _queues(template: Json) -> Iterator[str]:
    """Each queue is encrypted, and either hands its poison on or is itself where poison ends, watched by an alarm."""
    watched = {refers_to(d["Value"]) for _, a in resources(template, "AWS::CloudWatch::Alarm") for d in a["Dimensions"]}
    queues = dict(resources(template, "AWS::SQS::Queue"))
    for name, queue in queues.items():
        if not _is_key(template, queue.get("KmsMasterKeyId")):
            yield f"{name}: encryption under a key of this template is missing"
        if "RedrivePolicy" not in queue:
            if name not in watched:
                yield f"{name}: has no dead-letter queue, and as a dead end no alarm"
        elif refers_to(queue["RedrivePolicy"]["deadLetterTargetArn"]) not in queues:
            yield f"{name}: its dead-letter queue does not exist"


def _log_groups(template: Json) -> Iterator[str]:
    groups = dict(resources(template, "AWS::Logs::LogGroup"))
    for name, group in groups.items():
        if "RetentionInDays" not in group:
            yield f"{name}: retention is missing"
        if not _is_key(template, group.get("KmsKeyId")):
            yield f"{name}: encryption under a key of this template is missing"
    names = [_text(group["LogGroupName"]) for group in groups.values()]
    for name, function in resources(template, "AWS::Serverless::Function", "AWS::Lambda::Function"):
        if f"/aws/lambda/{_text(function['FunctionName'])}" not in names:
            yield f"{name}: has no log group, so Lambda would make one that keeps everything for ever"


def _buckets(template: Json) -> Iterator[str]:
    policies = list(resources(template, "AWS::S3::BucketPolicy"))
    for name, bucket in resources(template, "AWS::S3::Bucket"):
        if "BucketEncryption" not in bucket:
            yield f"{name}: encryption is missing"
        block = bucket.get("PublicAccessBlockConfiguration", {})
        if len(block) != 4 or not all(value is True for value in block.values()):
            yield f"{name}: public access is not blocked in all four ways"
        own = [s for _, p in policies if refers_to(p["Bucket"]) == name for s in p["PolicyDocument"]["Statement"]]
        if not any(s["Effect"] == "Deny" and "aws:SecureTransport" in str(s.get("Condition")) for s in own):
            yield f"{name}: nothing refuses plain HTTP"


def _stream_and_keys(template: Json) -> Iterator[str]:
    for name, stream in resources(template, "AWS::Kinesis::Stream"):
        if not _is_key(template, stream.get("StreamEncryption", {}).get("KeyId")):
            yield f"{name}: encryption under a key of this template is missing"
    for name, key in resources(template, "AWS::KMS::Key"):
        if key.get("EnableKeyRotation") is not True:
            yield f"{name}: rotation is off"


def _alarms(template: Json) -> Iterator[str]:
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm"):
        dimension, kinds = _WATCHED.get(alarm["Namespace"], ("", ()))
        for given in alarm["Dimensions"]:
            target = template["Resources"].get(refers_to(given["Value"]), {}).get("Type")
            if given["Name"] != dimension or target not in kinds:
                yield f"{name}: {given['Name']} does not name a resource of {alarm['Namespace']}"


def _is_key(template: Json, value: Any) -> bool:
    return bool(template["Resources"].get(refers_to(value), {}).get("Type") == "AWS::KMS::Key")


def _text(value: Any) -> str:
    return str(value["Fn::Sub"]) if isinstance(value, dict) and "Fn::Sub" in value else str(value)
