"""Build and deploy the template with SAM: to the embedded stack, to LocalStack or to AWS."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cellwave.domain.errors import CellwaveError
from cellwave_ops.emulator.lifecycle import PROJECT, Running
from cellwave_ops.stack import Stack, connect, environment_of

SAM: Final = PROJECT / ".tools" / "sam" / "bin" / "sam"
CONFIG: Final = PROJECT / "samconfig.toml"
HOST_PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"

Progress = Callable[[str], None]


class DeployError(CellwaveError):
    """SAM failed; the message ends with what it printed last."""


def deploy(running: Running | None, config_env: str, progress: Progress = lambda _: None) -> Stack:
    """Build, deploy and make the system's keys; return the stack.

    `running` is the embedded stack to deploy into; None takes `config_env` of samconfig.toml and the caller's
    AWS environment. Deploying what is deployed already changes nothing.
    """
    name = stack_name_of(config_env)
    if not SAM.exists():
        raise DeployError(f"SAM is not installed: no {SAM}; run `make setup`")
    folder = running.folder / "build" if running else PROJECT / ".aws-sam" / config_env
    log = folder.parent / "deploy.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    temporary = folder.parent / "sam-tmp"
    temporary.mkdir(exist_ok=True)
    environment = _environment(running, temporary)
    progress("building the layer and the functions")
    # Given on the command line they replace samconfig's, so those are given too. Functions run on this Python.
    given = _settings(config_env)["parameter_overrides"]
    clock = running.clock if running is not None else ""
    overrides = f"{given} Runtime=python{HOST_PYTHON} StreamClock={clock}"
    own = ["--parameter-overrides", overrides] if running is not None else []
    _sam(["build", "--config-env", config_env, "--build-dir", str(folder), *own], environment, log)
    progress("deploying the stack")
    arguments = ["deploy", "--config-file", str(CONFIG), "--config-env", config_env]
    arguments += ["--template-file", str(folder / "template.yaml")]
    _sam([*arguments, *own], environment, log)
    shutil.rmtree(temporary, ignore_errors=True)
    progress("making keys")
    stack = connect(name)
    stack.make_keys()
    return stack


def stack_name_of(config_env: str) -> str:
    """Return the name of the stack that an environment of samconfig.toml makes. Raises DeployError."""
    return str(_settings(config_env)["stack_name"])


def _environment(running: Running | None, temporary: Path) -> dict[str, str]:
    """Return what SAM sees: this project's Python and pip, which build the layer."""
    mine = {
        "TMPDIR": str(temporary),
        "SAM_CLI_TELEMETRY": "0",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "CELLWAVE_PIP": f"{sys.executable} -m pip --disable-pip-version-check",
    }
    if running is None:
        return {**os.environ, **mine}
    return {**environment_of(running), **mine, "CELLWAVE_BUILD_FOR": "host", "CELLWAVE_PYTHON": HOST_PYTHON}


def _sam(arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(
            [SAM, *arguments], cwd=PROJECT, env=environment, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise DeployError(f"sam {arguments[0]} failed; the end of {log}:\n{tail}")


def _settings(config_env: str) -> dict[str, Any]:
    environments = tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    known = [name for name, commands in environments.items() if isinstance(commands, dict) and "deploy" in commands]
    if config_env not in known:
        raise DeployError(f"{CONFIG.name} has no environment {config_env!r}: take one of {', '.join(known)}")
    settings: dict[str, Any] = environments[config_env]["deploy"]["parameters"]
    return settings
