"""The deployed stack as the command sees it: on the embedded stack, on LocalStack or on AWS, by the same names.

Where an embedded stack runs, it is that one. Else the ordinary environment says where it is (AWS_ENDPOINT_URL,
AWS_PROFILE, …), and so it does for any stack but the local one and for any other endpoint.
"""

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.session import get_session

from cellwave.adapters.clients import CONFIG
from cellwave.adapters.clock import StreamClock
from cellwave.bootstrap import Wiring
from cellwave.domain.errors import CellwaveError
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave.domain.signalling import LATE_AFTER_MS
from cellwave.ports.keys import Purpose
from cellwave_ops.channels.client import SignedApi
from cellwave_ops.emulator import lifecycle

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_kinesis import KinesisClient

INSTANCE: Final = "CELLWAVE_INSTANCE"
STACK: Final = "CELLWAVE_STACK"
DEFAULT_STACK: Final = "cellwave-local"
DEFAULT_INSTANCE: Final = "local"
PURPOSES: Final[tuple[Purpose, ...]] = ("pseudonym", "touch", "vault")


class StackError(CellwaveError):
    """No stack can be reached; the message says what to do."""


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its outputs, and the adapters over them."""

    name: str
    outputs: Mapping[str, str]
    stream_clock: str
    has_ticks: bool = False

    def make_keys(self) -> None:
        """Make the system's keys that do not exist yet: functions may only unwrap them."""
        for purpose in PURPOSES:
            self.wiring.keys.current(purpose)

    def check_clock_of(self, first_ts: int) -> None:
        """Raise StackError for a file whose own clock (stream ms of its first event) is not the stack's.

        Scheduled ticks tell every lane the stack's stream time: between the events of an old file they would fire
        timers that its next event stops.
        """
        if self.has_ticks and abs(first_ts - self.clock().now()) > LATE_AFTER_MS:
            raise StackError("the file's own clock is not the stack's, whose ticks would mix in: give --rebase now")

    @property
    def speed(self) -> float:
        """Stream seconds a wall second."""
        return 1.0 if self.stream_clock == "wall" else float(self.stream_clock.split(",")[2])

    def doubts_about(self, last_ts: int) -> str:
        """Return why signalling that ends at `last_ts` (stream ms) can match nothing; empty where it can."""
        campaigns = self.wiring.registry.current().campaigns.values()
        if not campaigns:
            return "no campaign is published, so nothing can match: cellwave publish comes first"
        if all(campaign.counts_from is not None and last_ts < campaign.counts_from for campaign in campaigns):
            return "all of it lies before any campaign counts, so nothing can match: give --rebase now"
        return ""

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
        session = get_session()
        credentials = session.get_credentials()
        if credentials is None:
            raise StackError("no AWS credentials: set AWS_PROFILE, or start the embedded stack with `cellwave up`")
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        base = f"{endpoint}/_aws/execute-api/{self.outputs['ApiId']}/$default" if endpoint else self.outputs["ApiUrl"]
        return SignedApi(base, credentials, session.get_config_variable("region") or lifecycle.REGION)


def stack_name() -> str:
    """Return the name of the stack that is meant."""
    return os.environ.get(STACK) or DEFAULT_STACK


def use_instance() -> lifecycle.Running | None:
    """Point this process at the embedded stack if that is what is meant, and return it then.

    It is meant wherever it runs, unless AWS_ENDPOINT_URL names another place or CELLWAVE_STACK a stack that is not
    the local one: an AWS_PROFILE that merely lies in the shell does not send a local command to AWS.
    """
    running = lifecycle.status(os.environ.get(INSTANCE) or DEFAULT_INSTANCE)
    if running is None:
        return None
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint != running.endpoint and (endpoint or stack_name() != DEFAULT_STACK):
        return None
    point_at(running)
    return running


def point_at(running: lifecycle.Running) -> None:
    """Make this process and those that it starts speak to the embedded stack."""
    meant = environment_of(running)
    for name in [name for name in os.environ if name not in meant]:
        del os.environ[name]
    os.environ.update(meant)


def environment_of(running: lifecycle.Running) -> dict[str, str]:
    """Return this process's environment with no AWS settings but the embedded stack's: a profile would break them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, **running.environment()}


def connect(name: str = "") -> Stack:
    """Return the deployed stack. Raises StackError where there is none, with what to do."""
    running = use_instance()
    if running is None and not _names_a_place():
        raise StackError(f"{_nothing_runs()}, or set AWS_PROFILE or AWS_ENDPOINT_URL")
    name = name or stack_name()
    found = _described(name)
    outputs = {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}
    if "ApiId" not in outputs:
        raise StackError(f"the stack {name!r} is not usable ({found['StackStatus']}): deploy it again")
    given = {item["ParameterKey"]: item.get("ParameterValue", "") for item in found.get("Parameters", [])}
    clock = given.get("StreamClock") or (running.clock if running else "wall")
    return Stack(name, outputs, clock, given.get("Ticks") == "ENABLED")


def state_folder() -> Path:
    """Return the folder of the instance in use: what commands leave behind goes with it."""
    return lifecycle.STATE_ROOT / os.environ.get(INSTANCE, DEFAULT_INSTANCE)


def _described(name: str) -> "StackTypeDef":
    place = os.environ.get("AWS_ENDPOINT_URL") or "AWS"
    try:
        client = cast("CloudFormationClient", get_session().create_client("cloudformation", config=CONFIG))
        return client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ValidationError":
            mend = f"deploy it with `cellwave deploy`, or name another with {STACK}"
            raise StackError(f"no stack {name!r} is deployed at {place}: {mend}") from None
        raise StackError(f"{place} does not show the stack {name!r} ({code}): check the credentials") from None
    except (HTTPClientError, NoConnection):
        raise StackError(f"{place} does not answer: start it, or mend AWS_ENDPOINT_URL") from None
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        mend = "check AWS_PROFILE, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
        raise StackError(f"the AWS settings cannot be used ({str(error).rstrip('.')}): {mend}") from None


def _nothing_runs() -> str:
    """Say that the embedded stack does not run, which one, and which others do."""
    wanted = os.environ.get(INSTANCE) or DEFAULT_INSTANCE
    folders = lifecycle.STATE_ROOT.glob("*/server.lock")
    others = sorted(folder.parent.name for folder in folders if lifecycle.status(folder.parent.name))
    which = "" if wanted == DEFAULT_INSTANCE else f" as {wanted!r}"
    hint = f" ({', '.join(others)} does: name it with {INSTANCE})" if others else ""
    return f"no embedded stack runs{which}{hint}: start one with `cellwave up` and `cellwave deploy`"


def stack_clock(scale: float, start_ms: int | None = None) -> str:
    """Return a written stream clock that runs from now on, so many times as fast as the wall, from `start_ms` (now)."""
    now = int(time.time() * 1000)
    return f"{now},{now if start_ms is None else start_ms},{scale}"


def _names_a_place() -> bool:
    return any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"))


def _screaming(name: str) -> str:
    """`StateTable` -> `STATE_TABLE`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()
