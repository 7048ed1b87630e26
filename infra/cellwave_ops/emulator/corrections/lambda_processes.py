"""Lambda handlers run in a bounded number of processes at a time.

Stock ministack starts one interpreter for each concurrent invocation: a burst of a few hundred tasks starts
hundreds of them at once and the machine does nothing but import boto3 (24 tasks a second instead of several
hundred). Here `LAMBDA_MAX_PROCS` handlers (8 unless set) run at once and the others wait their turn, like a
reserved concurrency without the throttling.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from ministack.services import lambda_svc

_DEFAULT_PROCESSES = 8
_PATIENCE_S = 60.0


def apply() -> None:
    """Bound the handlers that run at once."""
    turns = threading.BoundedSemaphore(int(os.environ.get("LAMBDA_MAX_PROCS", str(_DEFAULT_PROCESSES))))
    stock_execute = lambda_svc._execute_function_warm

    def execute(func: Any, event: Any, request_id: str) -> Any:
        # Handlers that call handlers could hold every turn and wait for each other for ever: patience ends.
        has_turn = turns.acquire(timeout=_PATIENCE_S)
        try:
            return stock_execute(func, event, request_id)
        finally:
            if has_turn:
                turns.release()

    lambda_svc._execute_function_warm = execute
