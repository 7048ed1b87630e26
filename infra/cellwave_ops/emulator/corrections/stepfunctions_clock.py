"""Wait states go by the stream clock; retries go by the wall.

Stock ministack sleeps (due - now) on the wall's clock, at best times one factor that also shrinks the backoff
of Retry: under a scaled clock, chained deadlines drift from the times that the functions compute, and a retry
is exhausted before a killed worker is back. Here a Wait's Timestamp and Seconds are in stream time
(`STREAM_CLOCK`), and a Retry's IntervalSeconds are real seconds.
"""

from __future__ import annotations

import os
import time
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from ministack.services import stepfunctions

from cellwave_ops.emulator.stream_clock import StreamClock

_waiting: ContextVar[bool] = ContextVar("waiting", default=False)


def apply() -> None:
    """Let Wait states sleep by the stream clock."""
    clock = StreamClock.parse(os.environ.get("STREAM_CLOCK", "wall"))
    stock_wait = stepfunctions._execute_wait

    def wait(state: dict[str, Any], raw_input: Any, context: Any = None) -> Any:
        token = _waiting.set(True)
        try:
            return stock_wait(state, raw_input, context)
        finally:
            _waiting.reset(token)

    def sleep(seconds: float) -> None:
        time.sleep(max(0.0, clock.wall_seconds(seconds) if _waiting.get() else seconds))

    def sleep_until(timestamp: str) -> None:
        due_ms = datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp() * 1000
        time.sleep(max(0.0, clock.wall_seconds_until(due_ms)))

    stepfunctions._execute_wait = wait
    stepfunctions._scaled_sleep = sleep
    stepfunctions._sleep_until = sleep_until
