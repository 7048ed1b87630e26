"""The deployed stack as the command sees it: on the embedded stack, on LocalStack or on AWS, by the same names.

Where it is, the ordinary environment says (AWS_ENDPOINT_URL, AWS_PROFILE, …). Where that says nothing and an
embedded stack runs, it is that one.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import boto3

from cellwave.adapters.clock import StreamClock
from cellwave.bootstrap import Wiring
from cellwave.domain.errors import CellwaveError
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave_ops.channels.client import SignedApi
from cellwave_ops.emulator import lifecycle

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

INSTANCE: Final = "CELLWAVE_INSTANCE"
STACK: Final = "CELLWAVE_STACK"
DEFAULT_STACK: Final = "cellwave-local"


class StackError(CellwaveError):
    """No stack can be reached; the message says what to do."""


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its outputs, and the adapters over them."""

    name: str
    outputs: Mapping[str, str]
    stream_clock: str

    @cached_property
    def wiring(self) -> Wiring:
        """Adapters and use cases, under the caller's own rights."""
        names = {_screaming(name): value for name, value in self.outputs.items()}
        return Wiring({**names, "STREAM_CLOCK": self.stream_clock})

    def clock(self) -> StreamClock:
        """Return the stream clock."""
        return self.wiring.clock

    def kinesis(self) -> "KinesisClient":
        """Return the client of the signalling stream."""
        return self.wiring.clients.kinesis

    def pseudonymizer(self) -> Pseudonymizer:
        """Return the maker of pseudonyms."""
        return self.wiring.pseudonymizer

    @property
    def channel_queues(self) -> dict[str, str]:
        """Queue URLs by channel."""
        return dict(json.loads(self.outputs["ChannelQueues"]))

    @property
    def channel_dlqs(self) -> dict[str, str]:
        """Dead-letter queue URLs by channel."""
        return dict(json.loads(self.outputs["ChannelDlqs"]))

    def api(self) -> SignedApi:
        """Return the channel API; emulators serve it below their own endpoint."""
        session = boto3.Session()
        credentials = session.get_credentials()
        if credentials is None:
            raise StackError("no AWS credentials: set AWS_PROFILE, or start the embedded stack with `cellwave up`")
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        base = f"{endpoint}/_aws/execute-api/{self.outputs['ApiId']}/$default" if endpoint else self.outputs["ApiUrl"]
        return SignedApi(base, credentials.get_frozen_credentials(), session.region_name or lifecycle.REGION)


def use_instance() -> lifecycle.Running | None:
    """Point this process at the embedded stack unless its environment already names a place; return it if it runs."""
    running = lifecycle.status(os.environ.get(INSTANCE, "local"))
    if running is not None and not _names_a_place():
        os.environ.update(running.environment())
    return running if running is not None and os.environ.get("AWS_ENDPOINT_URL") == running.endpoint else None


def connect() -> Stack:
    """Return the deployed stack. Raises StackError where there is none."""
    from botocore.exceptions import BotoCoreError, ClientError

    running = use_instance()
    if running is None and not _names_a_place():
        raise StackError("no stack runs here: start one with `cellwave up` and `cellwave deploy`, or set AWS_PROFILE")
    name = os.environ.get(STACK, DEFAULT_STACK)
    try:
        stacks = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"the stack {name!r} cannot be read ({error}): deploy it with `cellwave deploy`") from None
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", [])}
    given = {item["ParameterKey"]: item.get("ParameterValue", "") for item in stacks[0].get("Parameters", [])}
    return Stack(name, outputs, given.get("StreamClock") or (running.clock if running else "wall"))


def _names_a_place() -> bool:
    return any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"))


def _screaming(name: str) -> str:
    """`StateTable` -> `STATE_TABLE`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()
