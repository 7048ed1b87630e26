"""The wave machine on Step Functions (Standard)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cellwave.adapters.executions import checked

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsWaveMachine:
    """WaveMachine on Step Functions."""

    def __init__(self, client: "SFNClient", machine_arn: str):
        self._client = client
        self._machine_arn = machine_arn

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        """Start an execution; False where the name was taken by one with another input, or by one that has ended.

        Where it runs with this very input, AWS answers as if it had just started. Raises ValueError for what AWS
        would refuse.
        """
        text = checked(name, execution_input)
        try:
            self._client.start_execution(stateMachineArn=self._machine_arn, name=name, input=text)
        except self._client.exceptions.ExecutionAlreadyExists:
            return False
        return True
