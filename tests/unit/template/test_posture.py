"""Encryption, expiry, retention, dead letters and alarms: what the template has, and that the rules notice a lack."""

from typing import Any

import pytest

from cellwave_ops.template_rules import posture

Json = dict[str, Any]


def test_every_resource_is_kept_as_the_rules_say(template: Json) -> None:
    assert posture.problems(template) == []


@pytest.mark.parametrize(
    ("resource", "taken_away", "problem"),
    [
        ("VaultTable", "TimeToLiveSpecification", "TTL on expires_at"),
        ("VaultTable", "PointInTimeRecoverySpecification", "point-in-time recovery"),
        ("VaultTable", "SSESpecification", "encryption"),
        ("VaultTable", "DeletionProtectionEnabled", "protected from deletion"),
        ("SmsQueue", "KmsMasterKeyId", "encryption"),
        ("SmsQueue", "RedrivePolicy", "no dead-letter queue"),
        ("ApiLogs", "RetentionInDays", "retention"),
        ("ApiLogs", "KmsKeyId", "encryption"),
        ("DataBucket", "BucketEncryption", "encryption"),
        ("DataBucket", "PublicAccessBlockConfiguration", "public access"),
        ("SignallingStream", "StreamEncryption", "encryption"),
        ("PeopleKey", "EnableKeyRotation", "rotation"),
    ],
)
def test_what_is_missing_is_named(
    template: Json, resources: Json, resource: str, taken_away: str, problem: str
) -> None:
    del resources[resource]["Properties"][taken_away]

    assert [p for p in posture.problems(template) if p.startswith(f"{resource}: ") and problem in p] != []


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        ("SmsDlq", "SmsQueue: its dead-letter queue does not exist"),
        ("SmsDlq", "SmsDlqAlarm: QueueName does not name a resource"),
        ("SmsDlqAlarm", "SmsDlq: has no dead-letter queue, and as a dead end no alarm"),
        ("MatcherFailuresAlarm", "MatcherFailuresQueue: has no dead-letter queue, and as a dead end no alarm"),
        ("ClaimTouchLogs", "ClaimTouchFunction: has no log group"),
        ("DataBucketPolicy", "DataBucket: nothing refuses plain HTTP"),
        ("DataKey", "VaultTable: encryption under a key of this template"),
        ("WaveMachine", "WaveFailedAlarm: StateMachineArn does not name a resource"),
    ],
)
def test_what_hangs_in_the_air_is_named(template: Json, resources: Json, resource: str, problem: str) -> None:
    del resources[resource]

    assert [p for p in posture.problems(template) if p.startswith(problem)] != []


def test_an_alarm_on_the_wrong_kind_of_resource_is_named(template: Json, resources: Json) -> None:
    resources["WaveFailedAlarm"]["Properties"]["Dimensions"][0]["Value"] = {"Ref": "SmsDlq"}

    assert "WaveFailedAlarm: StateMachineArn does not name a resource of AWS/States" in posture.problems(template)
