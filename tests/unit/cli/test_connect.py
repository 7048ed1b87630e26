"""Which stack a command speaks to, and what it says where there is none."""

import os
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from tests.unit.cli.conftest import Runs

from cellwave_ops import stack
from cellwave_ops.stack import Stack, StackError, connect, environment_of, stack_clock, use_instance

OUTPUTS = {"ApiId": "api1", "ApiUrl": "https://api1.example", "StateTable": "state", "SignallingStream": "s"}


class CloudFormation:
    """Holds one stack, or fails as told."""

    def __init__(self, outputs: dict[str, str], clock: str = "", fails: Exception | None = None) -> None:
        self.asked: list[str] = []
        self._outputs = outputs
        self._clock = clock
        self._fails = fails

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        self.asked.append(StackName)
        if self._fails:
            raise self._fails
        parameters = [{"ParameterKey": "StreamClock", "ParameterValue": self._clock}] if self._clock else []
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self._outputs.items()]
        found = {"StackStatus": "CREATE_COMPLETE" if outputs else "ROLLBACK_COMPLETE", "Parameters": parameters}
        return {"Stacks": [found | ({"Outputs": outputs} if outputs else {})]}


@pytest.fixture
def formation(monkeypatch: pytest.MonkeyPatch) -> Any:
    def put(outputs: dict[str, str] = OUTPUTS, clock: str = "", fails: Exception | None = None) -> CloudFormation:
        made = CloudFormation(outputs, clock, fails)
        session = SimpleNamespace(create_client=lambda service, config: made)
        monkeypatch.setattr(stack, "get_session", lambda: session)
        return made

    return put


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeStacks")


class TestWhichStack:
    def test_the_embedded_one_where_it_runs(self, runs: Runs) -> None:
        running = runs()
        assert use_instance() == running
        assert os.environ["AWS_ENDPOINT_URL"] == running.endpoint
        assert os.environ["AWS_ACCESS_KEY_ID"] == "test"

    def test_a_profile_that_lies_in_the_shell_does_not_lead_away_and_is_dropped(self, runs: Runs) -> None:
        runs()
        os.environ |= {"AWS_PROFILE": "nobody", "AWS_SESSION_TOKEN": "old", "AWS_ENDPOINT_URL_S3": "https://x"}
        assert use_instance() is not None
        kept = {name for name in os.environ if name.startswith("AWS_")}
        assert kept == {name for name in runs().environment() if name.startswith("AWS_")}

    def test_another_endpoint_is_taken_at_its_word(self, runs: Runs) -> None:
        runs()
        os.environ |= {"AWS_ENDPOINT_URL": "http://localstack:4566", "AWS_PROFILE": "localstack"}
        assert use_instance() is None
        assert os.environ["AWS_ENDPOINT_URL"] == "http://localstack:4566"
        assert os.environ["AWS_PROFILE"] == "localstack"

    def test_a_stack_that_is_not_the_local_one_is_on_aws(self, runs: Runs) -> None:
        runs()
        os.environ |= {"CELLWAVE_STACK": "cellwave-staging", "AWS_PROFILE": "work"}
        assert use_instance() is None
        assert os.environ["AWS_PROFILE"] == "work"

    def test_any_stack_of_the_embedded_one_when_its_endpoint_is_named(self, runs: Runs) -> None:
        running = runs()
        os.environ |= {"CELLWAVE_STACK": "mine", "AWS_ENDPOINT_URL": running.endpoint}
        assert use_instance() == running

    def test_the_instance_that_is_named(self, runs: Runs) -> None:
        runs()
        other = runs("other", 4570)
        os.environ["CELLWAVE_INSTANCE"] = "other"
        assert use_instance() == other

    def test_a_subprocess_gets_the_rest_of_the_environment_too(self, runs: Runs) -> None:
        os.environ |= {"AWS_PROFILE": "nobody", "ELSE": "kept"}
        environment = environment_of(runs())
        assert environment["ELSE"] == "kept"
        assert "AWS_PROFILE" not in environment
        assert os.environ["AWS_PROFILE"] == "nobody"


class TestConnect:
    def test_outputs_become_the_names_that_adapters_take(self, runs: Runs, formation: Any) -> None:
        runs(clock="1,2,3")
        asked = formation()
        found = connect()
        assert asked.asked == ["cellwave-local"]
        assert (found.outputs, found.stream_clock) == (OUTPUTS, "1,2,3")

    def test_the_clock_is_the_one_deployed(self, runs: Runs, formation: Any) -> None:
        runs(clock="1,2,3")
        formation(clock="4,5,6")
        assert connect().stream_clock == "4,5,6"

    def test_the_stack_that_is_named_is_asked_for(self, formation: Any) -> None:
        os.environ |= {"AWS_PROFILE": "work", "CELLWAVE_STACK": "cellwave-staging"}
        asked = formation()
        assert connect().stream_clock == "wall"
        connect("another")
        assert asked.asked == ["cellwave-staging", "another"]

    def test_nothing_runs(self) -> None:
        with pytest.raises(StackError, match=r"no embedded stack runs: start one with `cellwave up`.*AWS_PROFILE"):
            connect()

    def test_another_instance_runs_than_the_one_named(self, runs: Runs) -> None:
        runs("demo")
        os.environ["CELLWAVE_INSTANCE"] = "dmeo"
        with pytest.raises(StackError, match=r"as 'dmeo' \(demo does: name it with CELLWAVE_INSTANCE\)"):
            connect()

    @pytest.mark.parametrize(
        ("fails", "message"),
        [
            (refused("ValidationError"), "no stack 'cellwave-local' is deployed at http.*: deploy it with"),
            (refused("AccessDenied"), r"does not show the stack .* \(AccessDenied\): check the credentials"),
            (EndpointConnectionError(endpoint_url="http://x"), "does not answer: start it, or mend AWS_ENDPOINT_URL"),
            (NoCredentialsError(), r"cannot be used \(Unable to locate credentials\): check AWS_PROFILE, AWS_D"),
            (ValueError("Invalid endpoint: x"), "check AWS_PROFILE, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"),
        ],
    )
    def test_what_cannot_be_read_is_said_with_a_mend(self, formation: Any, fails: Exception, message: str) -> None:
        os.environ["AWS_ENDPOINT_URL"] = "http://localhost:4566"
        formation(fails=fails)
        with pytest.raises(StackError, match=message):
            connect()

    def test_a_stack_that_failed_to_deploy_is_not_usable(self, runs: Runs, formation: Any) -> None:
        runs()
        formation(outputs={})
        with pytest.raises(StackError, match=r"not usable \(ROLLBACK_COMPLETE\): deploy it again"):
            connect()

    def test_a_profile_that_does_not_exist_is_named(self) -> None:
        os.environ["AWS_PROFILE"] = "nobody"
        with pytest.raises(StackError, match=r"nobody.*check AWS_PROFILE"):
            connect()


def test_a_clock_runs_from_now_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack.time, "time", lambda: 1_000.5)  # type: ignore[attr-defined]
    assert stack_clock(3600.0) == "1000500,1000500,3600.0"
    assert stack_clock(2.0, 7) == "1000500,7,2.0"


class TestTicks:
    def test_a_file_with_a_clock_of_its_own_is_refused_where_ticks_tell_the_stacks(self) -> None:
        ticking = Stack("cellwave-staging", {}, "wall", has_ticks=True)
        ticking.check_clock_of(ticking.clock().now() - 60_000)
        with pytest.raises(StackError, match="--rebase now"):
            ticking.check_clock_of(ticking.clock().now() - 3_600_000)

    def test_without_ticks_every_clock_is_good(self) -> None:
        Stack("cellwave-local", {}, "wall").check_clock_of(1)
