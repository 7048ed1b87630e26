"""What a Kinesis mapping makes of an invocation's answer; the judging half of `kinesis_mapping`."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import sqs

_log = logging.getLogger("cellwave.kinesis_mapping")

Record = dict[str, Any]


def first_failure(mapping: Record, answer: Record, sequence_numbers: Sequence[str]) -> int | None:
    """Find the index of the first record to try again; None if there is none.

    With ReportBatchItemFailures the lowest reported sequence number is the checkpoint; a report that AWS
    could not read, or of a record that is not in the batch, fails the whole batch, as on AWS.
    """
    if answer.get("error"):
        return 0
    body = answer.get("body")
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []) or not isinstance(body, dict):
        return None
    reported = body.get("batchItemFailures") or []
    try:
        return min((sequence_numbers.index(failure["itemIdentifier"]) for failure in reported), default=None)
    except (KeyError, TypeError, ValueError):
        return 0


def reason_to_give_up(mapping: Record, records: list[Record], attempts: int) -> str | None:
    """Why these records are not tried again after so many attempts, in the words of AWS; None if they are."""
    retries = int(mapping.get("MaximumRetryAttempts", -1))
    if 0 <= retries <= attempts:
        return "RetryAttemptsExhausted"
    longest_age_s = int(mapping.get("MaximumRecordAgeInSeconds", -1))
    if 0 < longest_age_s < time.time() - records[0]["ApproximateArrivalTimestamp"]:
        return "RecordAgeExceeded"
    return None


def report_given_up(mapping: Record, shard_id: str, records: list[Record], condition: str, invocations: int) -> None:
    """Send the batch's coordinates (never its data) to the mapping's on-failure queue, if it has one."""
    destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination", "")
    queue = sqs._queue_by_arn(destination) if ":sqs:" in destination else None
    if queue is None:
        _log.warning("gave up %d records of %s without an on-failure queue", len(records), shard_id)
        return
    account, name = destination.split(":")[4:6]
    report = json.dumps(_report(mapping, shard_id, records, condition, invocations))
    sqs._act_send_message({"MessageBody": report}, sqs._queue_url_for_account(account, name))


def _report(mapping: Record, shard_id: str, records: list[Record], condition: str, invocations: int) -> Record:
    return {
        "requestContext": {
            "requestId": new_uuid(),
            "functionArn": mapping.get("FunctionArn", ""),
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _iso(time.time()),
        "KinesisBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": records[0]["SequenceNumber"],
            "endSequenceNumber": records[-1]["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _iso(records[0]["ApproximateArrivalTimestamp"]),
            "approximateArrivalOfLastRecord": _iso(records[-1]["ApproximateArrivalTimestamp"]),
            "batchSize": len(records),
            "streamArn": mapping["EventSourceArn"],
        },
    }


def _iso(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
