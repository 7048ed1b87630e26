"""Ticks into the signalling stream: one small record a lane, which says that stream time has come so far."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cellwave.contracts.stream import encode_record
from cellwave.domain.identifiers import LANES, explicit_hash_key

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

PRODUCER: Final = "ticker"
_TRIES: Final = 6


class TickStream:
    """Puts ticks. Their number is their clock, so that one sent twice is told and an older one changes nothing."""

    def __init__(self, client: "KinesisClient", stream: str, sleep: Callable[[float], None] = time.sleep):
        self._client = client
        self._stream = stream
        self._sleep = sleep

    def tick(self, clock: int) -> None:
        """Put a tick for every lane at stream time `clock` (ms). Raises RuntimeError when some stay refused."""
        waiting = [_entry(lane, clock) for lane in range(LANES)]
        for attempt in range(_TRIES):
            answer = self._client.put_records(StreamName=self._stream, Records=waiting)
            results = zip(waiting, answer["Records"], strict=True)
            waiting = [entry for entry, result in results if "ErrorCode" in result]
            if not waiting:
                return
            self._sleep(0.1 * 2**attempt)
        raise RuntimeError(f"{len(waiting)} ticks were refused {_TRIES} times")


def _entry(lane: int, clock: int) -> "PutRecordsRequestEntryTypeDef":
    return {
        "Data": encode_record(PRODUCER, clock, lane, clock, True, ()),
        "PartitionKey": f"lane-{lane}",
        "ExplicitHashKey": explicit_hash_key(lane),
    }
