"""An invocation's log ends where the handler ends.

Stock ministack does not know when a handler's log is complete: it waits 50 ms for a first line, which each
silent handler pays in full, and cuts off what comes later. Here the worker writes an end mark after the
handler, so a silent handler costs nothing and no line is lost or credited to the next invocation.
"""

from __future__ import annotations

import queue
import time
from typing import Any

from ministack.core import lambda_runtime

from cellwave_ops.emulator.corrections import worker_script

_MARK = "\x1ecellwave-end"
_LONGEST_WAIT_S = 1.0


def apply() -> None:
    """Let the worker mark the end of each log, and read up to the mark."""
    answered = "        _real_stdout.flush()\n\nrun()"
    worker_script.replace_once(
        answered, f"        sys.stderr.write({_MARK + chr(10)!r}); sys.stderr.flush()\n{answered}"
    )
    stock_drain = lambda_runtime.Worker._drain_stderr_bounded

    def drain(worker: Any) -> str:
        if not str(worker.config.get("Runtime", "")).startswith("python"):
            return str(stock_drain(worker))
        if worker._proc is None:  # it died: no mark will come, the pipe's end will
            worker._stderr_thread.join(_LONGEST_WAIT_S)
            return str(worker._drain_stderr())
        return _until_mark(worker._stderr_queue)

    lambda_runtime.Worker._drain_stderr_bounded = drain


def _until_mark(lines: queue.Queue[str]) -> str:
    deadline = time.monotonic() + _LONGEST_WAIT_S
    log: list[str] = []
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line.endswith(_MARK):
            log.extend(filter(None, [line.removesuffix(_MARK)]))
            break
        log.append(line)
    return "\n".join(log)
