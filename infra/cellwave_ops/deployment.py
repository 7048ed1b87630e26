"""Build and deploy the template with SAM: to the embedded stack, to LocalStack or to AWS."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cellwave.domain.errors import CellwaveError
from cellwave_ops.emulator.lifecycle import PROJECT, Running
from cellwave_ops.stack import STACK, Stack, connect

SAM: Final = PROJECT / ".tools" / "sam" / "bin" / "sam"
CONFIG: Final = PROJECT / "samconfig.toml"
PURPOSES: Final = ("pseudonym", "touch", "vault")

Progress = Callable[[str], None]


class DeployError(CellwaveError):
    """SAM failed; the message ends with what it printed last."""


def deploy(running: Running | None, config_env: str, progress: Progress = lambda _: None) -> Stack:
    """Build, deploy and make the system's keys; return the stack.

    `running` is the embedded stack to deploy into; None takes `config_env` of samconfig.toml and the caller's
    AWS environment. Deploying what is deployed already changes nothing.
    """
    if not SAM.exists():
        raise DeployError(f"SAM is not installed: no {SAM}; run `make setup`")
    environment = {
        **os.environ,
        "SAM_CLI_TELEMETRY": "0",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "CELLWAVE_PIP": f"{sys.executable} -m pip --disable-pip-version-check",
    }
    overrides: list[str] = []
    folder = PROJECT / ".aws-sam" / config_env
    if running is not None:
        environment |= {**running.environment(), "CELLWAVE_BUILD_FOR": "host"}
        environment.pop("AWS_PROFILE", None)
        overrides = ["--parameter-overrides", f"{_overrides(config_env)} StreamClock={running.clock}"]
        folder = running.folder / "build"
    log = folder.parent / "deploy.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    progress("building the layer and the functions")
    _sam(["build", "--config-env", config_env, "--build-dir", str(folder)], environment, log)
    progress("deploying the stack")
    template = str(folder / "template.yaml")
    _sam(
        ["deploy", "--config-file", str(CONFIG), "--config-env", config_env, "--template-file", template, *overrides],
        environment,
        log,
    )
    progress("making keys")
    os.environ[STACK] = _setting(config_env, "stack_name")
    stack = connect()
    for purpose in PURPOSES:
        stack.wiring.keys.current(purpose)
    return stack


def _sam(arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(
            [SAM, *arguments], cwd=PROJECT, env=environment, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise DeployError(f"sam {arguments[0]} failed; the end of {log}:\n{tail}")


def _setting(config_env: str, name: str) -> str:
    import tomllib

    settings = tomllib.loads(CONFIG.read_text())
    return str(settings[config_env]["deploy"]["parameters"][name])


def _overrides(config_env: str) -> str:
    """Return samconfig's parameter overrides: given on the command line, they would replace those, not add to them."""
    return _setting(config_env, "parameter_overrides")
