"""Deploying: what SAM is asked, in what environment, and what is said when it fails."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.cli.conftest import Runs

from cellwave_ops import deployment
from cellwave_ops.deployment import DeployError, deploy, stack_name_of
from cellwave_ops.stack import Stack

SAM = """#!{python}
import json, os, sys
with open(os.environ["NOTES"], "a") as notes:
    notes.write(json.dumps({{"arguments": sys.argv[1:], "environment": dict(os.environ), "cwd": os.getcwd()}}) + "\\n")
print("\\n".join(f"line {{n}}" for n in range(40)))
sys.exit(sys.argv[1] == os.environ.get("FAILS"))
"""


class Sam:
    def __init__(self, folder: Path) -> None:
        self._notes = folder / "notes.jsonl"
        self.file = folder / "sam"
        self.file.write_text(SAM.format(python=sys.executable))
        self.file.chmod(0o755)
        os.environ["NOTES"] = str(self._notes)

    def asked(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._notes.read_text().splitlines()]


class Keys:
    def __init__(self) -> None:
        self.made: list[str] = []

    def current(self, purpose: str) -> None:
        self.made.append(purpose)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    keys = Keys()

    def connect(name: str) -> Any:
        stack = Stack(name, {}, "wall")
        vars(stack)["wiring"] = SimpleNamespace(keys=keys)
        return stack

    monkeypatch.setattr(deployment, "connect", connect)
    return keys


@pytest.fixture
def sam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keys: Keys) -> Sam:
    sam = Sam(tmp_path)
    monkeypatch.setattr(deployment, "SAM", sam.file)
    return sam


def test_into_the_embedded_stack_go_its_clock_and_its_settings_and_no_profile(sam: Sam, keys: Keys, runs: Runs) -> None:
    os.environ["AWS_PROFILE"] = "nobody"
    running = runs(clock="1,2,3600.0")
    steps: list[str] = []
    stack = deploy(running, "local", steps.append)
    build, put = sam.asked()
    folder = str(running.folder / "build")
    assert build["arguments"][:5] == ["build", "--config-env", "local", "--build-dir", folder]
    assert build["arguments"][5:] == put["arguments"][-2:], "functions and layer are built as they are deployed"
    assert put["arguments"][:3] == ["deploy", "--config-file", str(deployment.CONFIG)]
    assert f"{folder}/template.yaml" in put["arguments"]
    overrides = put["arguments"][put["arguments"].index("--parameter-overrides") + 1]
    assert "Stage=local" in overrides
    assert overrides.endswith(f" Runtime=python{deployment.HOST_PYTHON} StreamClock=1,2,3600.0")
    for asked in (build, put):
        assert "AWS_PROFILE" not in asked["environment"]
        assert asked["environment"]["AWS_ENDPOINT_URL"] == running.endpoint
        assert asked["environment"]["CELLWAVE_BUILD_FOR"] == "host"
        assert asked["environment"]["SAM_CLI_TELEMETRY"] == "0"
        assert asked["cwd"] == str(deployment.PROJECT)  # type: ignore[attr-defined]
    assert stack.name == "cellwave-local"
    assert keys.made == ["pseudonym", "touch", "vault"]
    assert len(steps) == 3


def test_to_aws_go_the_environment_of_the_caller_and_the_parameters_of_samconfig(
    sam: Sam, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(deployment, "PROJECT", tmp_path)
    os.environ["AWS_PROFILE"] = "work"
    assert deploy(None, "staging").name == "cellwave-staging"
    for asked in sam.asked():
        assert asked["environment"]["AWS_PROFILE"] == "work"
        assert "CELLWAVE_BUILD_FOR" not in asked["environment"]
        assert "--parameter-overrides" not in asked["arguments"]
        assert asked["arguments"][asked["arguments"].index("--config-env") + 1] == "staging"


@pytest.mark.parametrize("fails", ["build", "deploy"])
def test_when_sam_fails_the_end_of_its_log_is_said_and_no_key_is_made(
    sam: Sam, keys: Keys, runs: Runs, fails: str
) -> None:
    os.environ["FAILS"] = fails
    running = runs()
    with pytest.raises(DeployError) as raised:
        deploy(running, "local")
    words = str(raised.value)
    assert f"sam {fails} failed; the end of {running.folder / 'deploy.log'}:" in words
    assert "line 39" in words
    assert "line 14\n" not in words
    assert keys.made == []


def test_without_sam_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runs: Runs) -> None:
    monkeypatch.setattr(deployment, "SAM", tmp_path / "no" / "sam")
    with pytest.raises(DeployError, match=r"SAM is not installed: .*; run `make setup`"):
        deploy(runs(), "local")


def test_an_environment_that_samconfig_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(DeployError, match="no environment 'prod': take one of local, staging, production"):
        stack_name_of("prod")
