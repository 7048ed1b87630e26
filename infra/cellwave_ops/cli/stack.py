"""`cellwave up`, `deploy`, `status`, `down`: the stack itself."""

import json
import os
import time
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from cellwave_ops.cli.terminal import ERR, OUT, working
from cellwave_ops.deployment import deploy as deploy_stack
from cellwave_ops.emulator import lifecycle
from cellwave_ops.operations import stack_status
from cellwave_ops.stack import INSTANCE, StackError, connect, use_instance

Instance = Annotated[str, typer.Option(envvar=INSTANCE, help="Which embedded stack; each has a folder of its own.")]
_LOCAL: Final = "default"


def up(
    instance: Instance = "local",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it listens, on the loopback interface.")] = 4566,
    scale: Annotated[float, typer.Option(min=0.001, help="Stream seconds a wall second; 3600: an hour a second.")] = 1,
    start: Annotated[str, typer.Option(help="Stream time at the start: now, or an ISO time with its offset.")] = "now",
) -> None:
    """Start the embedded stack. Harmless where it runs already. No Docker, no account."""
    standing = lifecycle.status(instance)
    clock = standing.clock if standing and scale == 1 and start == "now" else written_clock(scale, start)
    if standing and standing.clock.endswith(f",{scale}"):
        clock = standing.clock
    with working(f"starting the embedded stack on port {port} …"):
        running = lifecycle.up(instance, port, clock)
    state = "runs already" if running.was_running else "runs"
    OUT.print(f"The embedded stack {state} at {running.endpoint} (process {running.pid}); log: {running.log}")
    OUT.print("Deploy into it: cellwave deploy")


def written_clock(scale: float, start: str) -> str:
    """Return the stream clock as it is written: `wall`, or anchor, start and scale."""
    wall = int(time.time() * 1000)
    if start == "now":
        return "wall" if scale == 1 else f"{wall},{wall},{scale}"
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(f"{start!r} is not now or an ISO time with its offset", param_hint="--start")
    return f"{wall},{int(moment.timestamp() * 1000)},{scale}"


def deploy(
    env: Annotated[str, typer.Option(help="Of samconfig.toml: default (local), staging, production.")] = _LOCAL,
    instance: Instance = "local",
) -> None:
    """Build and deploy the template. Into the embedded stack, LocalStack (AWS_ENDPOINT_URL) or AWS (AWS_PROFILE)."""
    os.environ[INSTANCE] = instance
    running = use_instance() if env == _LOCAL else None
    if running is None and env == _LOCAL and not os.environ.get("AWS_ENDPOINT_URL"):
        raise StackError("no embedded stack runs: start it with `cellwave up`, or name another environment with --env")
    begun = time.monotonic()
    with working("deploying …"):
        stack = deploy_stack(running, env, lambda step: ERR.print(f"  {step}"))
    OUT.print(f"Deployed {stack.name} in {time.monotonic() - begun:.0f} s. See it: cellwave status")


def status(
    instance: Instance = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Tell what runs, what is published and what waits. Exits 1 where no stack is deployed."""
    os.environ[INSTANCE] = instance
    running = lifecycle.status(instance)
    document: dict[str, Any] = {"instance": instance, "running": running is not None}
    if running is not None:
        document |= {"endpoint": running.endpoint, "pid": running.pid, "clock": running.clock}
    try:
        document |= stack_status(connect())
    except StackError as error:
        _show(document | {"stack": None, "mend": str(error)}, as_json)
        raise typer.Exit(1) from None
    _show(document, as_json)


def down(
    instance: Instance = "local",
    purge: Annotated[bool, typer.Option(help="Remove its folder too, with all state.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every embedded stack of this project.")] = False,
) -> None:
    """Stop the embedded stack in good order. Harmless where none runs."""
    root = lifecycle.STATE_ROOT
    names = (
        sorted(path.name for path in root.iterdir() if path.is_dir()) if everything and root.is_dir() else [instance]
    )
    for name in names:
        ran = lifecycle.down(name, purge=purge)
        OUT.print(f"{name}: {'stopped' if ran else 'did not run'}{', state removed' if purge else ''}")


def _show(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        OUT.print_json(json.dumps(document))
        return
    table = Table(show_header=False, box=None)
    for name, value in document.items():
        text = ", ".join(f"{k} {v:,}" for k, v in value.items()) if isinstance(value, dict) else value
        table.add_row(name.replace("_", " "), ", ".join(text) if isinstance(text, list) else str(text))
    OUT.print(table)
