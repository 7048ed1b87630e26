"""What a service did not take of a batch is asked again; a client's own retries never see it."""

import random
import time
from collections.abc import Iterator
from typing import Final

from botocore.exceptions import ClientError

ATTEMPTS: Final = 8
_FIRST_S: Final = 0.05
_LONGEST_S: Final = 2.0


def attempts(operation: str, code: str) -> Iterator[int]:
    """Yield 1, 2, … with growing pauses of random length between (full jitter); at the end raise `refused`."""
    for attempt in range(1, ATTEMPTS + 1):
        yield attempt
        time.sleep(random.uniform(0, min(_LONGEST_S, _FIRST_S * 2**attempt)))  # noqa: S311 (not for secrets)
    raise refused(operation, code, f"not taken in {ATTEMPTS} attempts")


def refused(operation: str, code: str, message: str) -> ClientError:
    """Return the error of a part of a batch as the service raises it for a whole request."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)
