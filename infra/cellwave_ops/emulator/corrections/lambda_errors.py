"""A handler that raises is reported by its exception's class, and its environment lives on.

Stock ministack reports every failure as `Runtime.HandlerError`, so that an `ErrorEquals` on an exception's
name never matches in a state machine, and it kills the worker: each raise costs a cold start, and state that
AWS would keep in the warm environment is silently reset. A process that dies is `Runtime.ExitError` on AWS.
"""

from __future__ import annotations

from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from cellwave_ops.emulator.corrections import worker_script

_DIED = "Worker process died"

_REPORT = """
def _cellwave_raised(error, request_id):
    import sys, traceback
    frames = traceback.format_tb(error.__traceback__)[1:]
    name = type(error).__name__
    sys.stderr.write("[ERROR] %s: %s\\nTraceback (most recent call last):\\n%s" % (name, error, "".join(frames)))
    failure = {"errorMessage": str(error), "errorType": name, "requestId": request_id, "stackTrace": frames}
    return {"status": "ok", "raised": True, "result": failure}

"""


class _Raised(dict[str, Any]):
    """A result that is the report of an exception: a type of its own survives where stock keeps only the body."""


def apply() -> None:
    """Report the class of the exception and keep the worker."""
    worker_script.prepend(_REPORT)
    worker_script.replace_once(
        '{"status": "error", "error": str(e), "trace": traceback.format_exc()}',
        '_cellwave_raised(e, _ms_ctx.get("request_id", ""))',
    )
    stock_invoke = lambda_runtime.Worker.invoke
    stock_execute = lambda_svc._execute_function_warm

    def invoke(worker: Any, *args: Any, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = stock_invoke(worker, *args, **options)
        if answer.get("raised"):
            answer["result"] = _Raised(answer["result"])
        return answer

    def execute(func: Any, event: Any, request_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = stock_execute(func, event, request_id)
        body = answer.get("body")
        if isinstance(body, _Raised):
            return {**answer, "body": dict(body), "error": True}
        if answer.get("error") and isinstance(body, dict) and body.get("errorMessage") == _DIED:
            body["errorType"] = "Runtime.ExitError"
        return answer

    lambda_runtime.Worker.invoke = invoke
    lambda_svc._execute_function_warm = execute
