"""Records into Kinesis, in order in each lane whatever fails."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from cellwave.domain.errors import CellwaveError
from cellwave.domain.identifiers import LANES, explicit_hash_key
from cellwave_ops.sources.producer import OutgoingRecord

MAX_WAITING: Final = 1_024
MAX_ATTEMPTS: Final = 25
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


class StreamRefusedError(CellwaveError):
    """The stream kept refusing a lane's next record; nothing after it was sent in that lane."""


class RecordsClient(Protocol):
    """The one call of boto3's Kinesis client that sending needs."""

    def put_records(self, *, StreamName: str, Records: Sequence[Any]) -> Any:  # noqa: N803
        """Write up to 500 records; each has its own result."""
        ...


class Sender:
    """Writes records with PutRecords so that no record overtakes an earlier one of its lane.

    PutRecords promises no order among the records of a request, and some may fail while later ones succeed: so a
    request carries at most one record of a lane (64 at most, far below the limits of 500 records and 5 MiB), and a
    failed one stays first in its lane. Raises StreamRefusedError after 25 refusals in a row of the same record,
    some 100 seconds.
    """

    def __init__(self, client: RecordsClient, stream: str, pause: Callable[[float], None] = time.sleep):
        self.requests = 0
        self.refused = 0
        self.sent = 0
        self._client = client
        self._stream = stream
        self._pause = pause
        self._lanes: dict[int, deque[OutgoingRecord]] = {lane: deque() for lane in range(LANES)}
        self._attempts = dict.fromkeys(range(LANES), 0)
        self._waiting = 0

    def send(self, record: OutgoingRecord) -> None:
        """Take a record; what waits is written once it is much, or by `flush`."""
        self._lanes[record.lane].append(record)
        self._waiting += 1
        while self._waiting >= MAX_WAITING:
            self._round()

    def flush(self) -> None:
        """Write all that waits."""
        while self._waiting:
            self._round()

    def _round(self) -> None:
        """Write the first record of each lane; those refused stay first."""
        heads = [queue[0] for queue in self._lanes.values() if queue]
        entries = [
            {
                "Data": head.data,
                "PartitionKey": f"lane-{head.lane}",
                "ExplicitHashKey": explicit_hash_key(head.lane),
            }
            for head in heads
        ]
        results = self._client.put_records(StreamName=self._stream, Records=entries)["Records"]
        self.requests += 1
        refusals = 0
        for head, result in zip(heads, results, strict=True):
            if result.get("ErrorCode"):
                refusals += 1
                self._refuse(head, result)
            else:
                self._done(head)
        if refusals:
            longest = max(self._attempts.values())
            self._pause(min(_FIRST_PAUSE_S * 2 ** (longest - 1), _LONGEST_PAUSE_S))

    def _done(self, head: OutgoingRecord) -> None:
        self._lanes[head.lane].popleft()
        self._attempts[head.lane] = 0
        self._waiting -= 1
        self.sent += 1

    def _refuse(self, head: OutgoingRecord, result: dict[str, Any]) -> None:
        self.refused += 1
        self._attempts[head.lane] += 1
        if self._attempts[head.lane] >= MAX_ATTEMPTS:
            code = result["ErrorCode"]
            raise StreamRefusedError(f"lane {head.lane}: {code} {MAX_ATTEMPTS} times in a row; {self.sent} were sent")
