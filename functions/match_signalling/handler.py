"""Kinesis -> matcher: one batch of one shard."""

import base64
from functools import cache
from typing import Any

import settings

from cellwave.bootstrap import Wiring
from cellwave.contracts.stream import decode_record
from cellwave.domain.errors import Conflict
from cellwave.observability import emit_counts


@cache
def _wiring() -> Wiring:
    return Wiring.of(settings.NEEDS)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Match a batch. Another matcher's interference asks for the whole batch again; any other error rises."""
    received = [record["kinesis"] for record in event["Records"]]
    records = [decode_record(base64.b64decode(r["data"]), int(r["sequenceNumber"])) for r in received]
    shard = event["Records"][0]["eventID"].partition(":")[0]
    try:
        matched = _wiring().matcher.match(shard, records)
    except Conflict:
        return {"batchItemFailures": [{"itemIdentifier": received[0]["sequenceNumber"]}]}
    emit_counts("match_signalling", {**matched.counts, "matched": len(matched.journeys)})
    return {"batchItemFailures": []}
