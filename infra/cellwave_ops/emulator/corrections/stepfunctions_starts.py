"""StartExecution judges names as AWS does.

Stock ministack refuses to start an execution again under the same name with the same input while it runs,
which AWS answers with the running one; it accepts names over 80 characters or with characters that AWS
refuses; and a nested start fails as `ExecutionAlreadyExists` where AWS says
`StepFunctions.ExecutionAlreadyExistsException`.
"""

from __future__ import annotations

import re
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import stepfunctions

_LONGEST_NAME = 80
_REFUSED = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")


def apply() -> None:
    """Check names, accept an identical start, and name nested errors as AWS does."""
    stock_start = stepfunctions._start_execution
    stock_nested = stepfunctions._invoke_nested_start_execution

    def start(request: dict[str, Any]) -> Any:
        name = request.get("name")
        if not name:
            return stock_start(request)
        return _refusal(name) or _running(request, name) or stock_start(request)

    def nested(resource: str, task_input: Any) -> Any:
        try:
            return stock_nested(resource, task_input)
        except stepfunctions._ExecutionError as error:
            if "." not in error.error:
                error.error = f"StepFunctions.{error.error.removesuffix('Exception')}Exception"
            raise

    stepfunctions._start_execution = start
    stepfunctions._invoke_nested_start_execution = nested


def _refusal(name: str) -> Any:
    if len(name) > _LONGEST_NAME:
        constraint = f"Member must have length less than or equal to {_LONGEST_NAME}"
        message = f"1 validation error detected: Value at 'name' failed to satisfy constraint: {constraint}"
        return error_response_json("ValidationException", message, 400)
    if _REFUSED.search(name):
        return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
    return None


def _running(request: dict[str, Any], name: str) -> Any:
    """Answer a start that repeats a running execution exactly."""
    machine = stepfunctions._resolve_state_machine_arn(request.get("stateMachineArn", ""))
    if machine is None:
        return None
    machine_name = machine.rsplit(":", 1)[-1]
    arn = f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{machine_name}:{name}"
    execution = stepfunctions._executions.get(arn)
    if execution is None or execution["status"] != "RUNNING":
        return None
    if execution["input"] != request.get("input", "{}"):
        return None
    return json_response({"executionArn": arn, "startDate": execution["startDate"]})
