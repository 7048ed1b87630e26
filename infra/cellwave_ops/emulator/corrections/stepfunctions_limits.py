"""Nothing over 256 KiB passes between states.

Stock ministack lets inputs and outputs of any size through, so a cohort that is passed by value works here
and fails on AWS. Here a start with a larger input is refused, and a task's input or a state's output over the
limit fails the execution with `States.DataLimitExceeded`, which `States.ALL` does not match.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import stepfunctions

LIMIT_BYTES = 262_144
_ERROR = "States.DataLimitExceeded"


def apply() -> None:
    """Measure what passes between states."""
    for name in ("pass", "task", "parallel", "map"):
        function = f"_execute_{name}"
        setattr(stepfunctions, function, _measured(getattr(stepfunctions, function)))
    stock_start, stock_invoke = stepfunctions._start_execution, stepfunctions._invoke_resource
    stock_matches = stepfunctions._error_matches

    def start(request: dict[str, Any]) -> Any:
        if len(request.get("input", "{}").encode()) > LIMIT_BYTES:
            constraint = f"Member must have length less than or equal to {LIMIT_BYTES}"
            message = f"1 validation error detected: Value at 'input' failed to satisfy constraint: {constraint}"
            return error_response_json("ValidationException", message, 400)
        return stock_start(request)

    def invoke(resource: str, task_input: Any) -> Any:
        _check(task_input, f"the input of {resource}")
        result = stock_invoke(resource, task_input)
        _check(result, f"the result of {resource}")
        return result

    def matches(names: list[str], error: str) -> bool:
        return _ERROR in names if error == _ERROR else bool(stock_matches(names, error))

    stepfunctions._start_execution = start
    stepfunctions._invoke_resource = invoke
    stepfunctions._error_matches = matches


def _measured(execute: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
    def measured(state: dict[str, Any], *arguments: Any) -> tuple[Any, Any]:
        output, following = execute(state, *arguments)
        _check(output, f"the output of a {state.get('Type')} state")
        return output, following

    return measured


def _check(data: Any, what: str) -> None:
    size = len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
    if size > LIMIT_BYTES:
        cause = f"{what} is {size} bytes; the maximum is {LIMIT_BYTES}"
        raise stepfunctions._ExecutionError(_ERROR, cause)
