"""An event source mapping of a Kinesis stream keeps its promises when a handler fails.

Stock ministack ignores ReportBatchItemFailures (the records behind a failed one are lost),
BisectBatchOnFunctionError, MaximumRetryAttempts, the on-failure destination and the batching window; a
handler that raises is invoked with the same batch for ever, and while one shard's handler runs, all mappings
wait. Here each shard has a reader of its own: one batch at a time, in order, retried with a bounded backoff,
split or given up as the mapping says.

ParallelizationFactor is accepted and taken as 1, which keeps a stricter order than AWS promises. A retry that
starts behind a reported checkpoint counts its attempts anew.
"""

from __future__ import annotations

import base64
import contextvars
import logging
import threading
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import _request_account_id, _request_region
from ministack.services import kinesis, lambda_svc

from cellwave_ops.emulator.corrections import kinesis_outcomes as outcomes

_log = logging.getLogger("cellwave.kinesis_mapping")
_PAYLOAD_BYTES = 6 * 1024 * 1024
_IDLE_S = 1.0
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.2, 5.0

Record = dict[str, Any]


@dataclass
class ShardReader:
    """Reads one shard for one mapping, in a thread that ends with the mapping."""

    mapping_id: str
    shard_id: str
    wake: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Deliver batch after batch until the mapping is gone."""
        try:
            while (mapping := lambda_svc._esms.get(self.mapping_id)) is not None:
                batch = self._next_batch(mapping)
                if batch:
                    self._deliver(batch)
        except Exception:
            _log.exception("the reader of %s for %s died", self.shard_id, self.mapping_id)
        finally:
            _readers.pop((self.mapping_id, self.shard_id), None)

    def _next_batch(self, mapping: Record) -> list[Record]:
        """Wait for records: a full batch, or what came within the window; none after an idle second."""
        size = int(mapping.get("BatchSize") or 100)
        window_s = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
        opened: float | None = None
        while True:
            self.wake.clear()
            batch, is_full = self._waiting(mapping, size)
            if not batch:
                self.wake.wait(_IDLE_S)
                return []
            opened = opened or time.monotonic()
            left = opened + window_s - time.monotonic()
            if is_full or left <= 0:
                return batch
            self.wake.wait(left)

    def _waiting(self, mapping: Record, size: int) -> tuple[list[Record], bool]:
        stream = _stream(mapping)
        if not mapping.get("Enabled", True) or stream is None or self.shard_id not in stream["shards"]:
            return [], False
        records = stream["shards"][self.shard_id]["records"]
        first = bisect_right(records, self._checkpoints()[self.shard_id], key=lambda record: record["SequenceNumber"])
        batch, total = records[first : first + size], 0
        for index, record in enumerate(batch):
            total += len(record["Data"])
            if index and total > _PAYLOAD_BYTES:
                return batch[:index], True
        return batch, len(batch) == size

    def _checkpoints(self) -> dict[str, str]:
        """For each shard the number of the record dealt with last; saved with the emulator's state."""
        checkpoints: dict[str, str] = lambda_svc._kinesis_positions[self.mapping_id]
        return checkpoints

    def _deliver(self, batch: list[Record]) -> None:
        """Deal with a batch to the end: processed, or handed to the on-failure destination."""
        todo = [(batch, 0)]
        while todo:
            mapping = lambda_svc._esms.get(self.mapping_id)
            if mapping is None:
                return
            records, attempts = todo.pop()
            failed_from = self._invoke(mapping, records)
            if failed_from:
                self._checkpoints()[self.shard_id] = records[failed_from - 1]["SequenceNumber"]
                attempts = 0
            if failed_from is None:
                self._checkpoints()[self.shard_id] = records[-1]["SequenceNumber"]
                continue
            todo.extend(reversed(self._after_failure(mapping, records[failed_from:], attempts)))

    def _after_failure(self, mapping: Record, rest: list[Record], attempts: int) -> list[tuple[list[Record], int]]:
        """List what to try next, in order, after a failure of `rest`."""
        if len(rest) > 1 and str(mapping.get("BisectBatchOnFunctionError", False)).lower() == "true":
            middle = len(rest) // 2
            return [(rest[:middle], attempts), (rest[middle:], attempts)]
        condition = outcomes.reason_to_give_up(mapping, rest, attempts)
        if condition is None:
            time.sleep(min(_FIRST_BACKOFF_S * 2 ** min(attempts, 10), _LONGEST_BACKOFF_S))
            return [(rest, attempts + 1)]
        outcomes.report_given_up(mapping, self.shard_id, rest, condition, attempts + 1)
        self._checkpoints()[self.shard_id] = rest[-1]["SequenceNumber"]
        return []

    def _invoke(self, mapping: Record, records: list[Record]) -> int | None:
        """Invoke the function; None if all is well, else the index of the first record to try again."""
        events = [_event(record, self.shard_id, mapping["EventSourceArn"]) for record in records]
        kept = lambda_svc._apply_filter_criteria(events, mapping)
        if not kept:
            return None
        function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
        answer = {"error": True} if function is None else lambda_svc._execute_function(function, {"Records": kept})
        failed_from = outcomes.first_failure(mapping, answer, [record["SequenceNumber"] for record in records])
        well = f"OK - {len(records)} records"
        mapping["LastProcessingResult"] = well if failed_from is None else "PROBLEM: Function call failed"
        return failed_from


_readers: dict[tuple[str, str], ShardReader] = {}


def apply() -> None:
    """Give each shard of each mapping a reader."""
    lambda_svc._poll_kinesis = poll


def poll() -> bool:
    """Start missing readers and wake all; never has work of its own for the emulator's loop."""
    for account, region, mapping in lambda_svc._iter_all_esms():
        if ":kinesis:" not in mapping.get("EventSourceArn", ""):
            continue
        scope = _request_account_id.set(account), _request_region.set(region)
        try:
            _wake_readers(mapping)
        finally:
            _request_account_id.reset(scope[0])
            _request_region.reset(scope[1])
    return False


def _wake_readers(mapping: Record) -> None:
    stream = _stream(mapping)
    if stream is None:
        return
    mapping_id = mapping["UUID"]
    checkpoints = lambda_svc._kinesis_positions.get(mapping_id)
    if checkpoints is None:
        checkpoints = lambda_svc._kinesis_positions[mapping_id] = {}
    for shard_id, shard in stream["shards"].items():
        if shard_id not in checkpoints:
            from_start = mapping.get("StartingPosition") == "TRIM_HORIZON" or not shard["records"]
            checkpoints[shard_id] = "" if from_start else shard["records"][-1]["SequenceNumber"]
        reader = _readers.get((mapping_id, shard_id))
        if reader is None:
            reader = _readers[mapping_id, shard_id] = ShardReader(mapping_id, shard_id)
            run = contextvars.copy_context().run
            threading.Thread(target=run, args=(reader.run,), daemon=True, name=f"kinesis-{shard_id}").start()
        reader.wake.set()


def _stream(mapping: Record) -> Record | None:
    _, _, _, region, account, resource = mapping["EventSourceArn"].split(":", 5)
    stream: Record | None = kinesis._streams.get_scoped(account, region, resource.removeprefix("stream/"))
    return stream if stream is not None and stream["StreamStatus"] == "ACTIVE" else None


def _event(record: Record, shard_id: str, stream_arn: str) -> Record:
    """Form the record as a function receives it (AWS Lambda developer guide, "Using Lambda with Kinesis")."""
    data = record["Data"]
    region, account = stream_arn.split(":")[3:5]
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(data).decode() if isinstance(data, bytes) else data,
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{account}:role/lambda-role",
        "awsRegion": region,
        "eventSourceARN": stream_arn,
    }
