"""`cellwave up`, `deploy`, `status`, `down`: the stack itself."""

import json
import math
import os
import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from cellwave_ops.cli.terminal import OUT, note, show_table, tell, working
from cellwave_ops.deployment import deploy as deploy_stack
from cellwave_ops.deployment import stack_name_of
from cellwave_ops.emulator import lifecycle
from cellwave_ops.operations import stack_status
from cellwave_ops.stack import DEFAULT_INSTANCE, INSTANCE, STACK, StackError, connect, stack_clock, use_instance

_LOCAL: Final = "local"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def _instance_name(name: str) -> str:
    """Return the name if it is one: it becomes a folder, which `down --purge` removes."""
    if not _NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is no name: take small letters, digits and hyphens, at most 32")
    return name


Instance = Annotated[
    str,
    typer.Option(
        envvar=INSTANCE, callback=_instance_name, help="Which embedded stack; each has a folder .cellwave/INSTANCE."
    ),
]


def up(
    instance: Instance = DEFAULT_INSTANCE,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Where it listens, on the loopback interface.  [default: 4566]")
    ] = None,
    scale: Annotated[float, typer.Option(min=0.001, help="Stream seconds a wall second; 3600: an hour a second.")] = 1,
    start: Annotated[str, typer.Option(help="Stream time at the start: now, or an ISO time with its offset.")] = "now",
) -> None:
    """Start the embedded stack. Harmless where it runs already. No Docker, no account."""
    clock = written_clock(scale, start)
    standing = lifecycle.status(instance)
    if standing is not None:
        port = port or standing.port
        if start == "now" and (scale == 1 or standing.clock.endswith(f",{scale}")):
            clock = standing.clock
    port = port or lifecycle.DEFAULT_PORT
    with working(f"starting the embedded stack on port {port} …"):
        running = lifecycle.up(instance, port, clock)
    state = "runs already" if running.was_running else "runs"
    tell(f"The embedded stack {state} at {running.endpoint} (process {running.pid}); log: {running.log}")
    tell("Deploy into it: cellwave deploy" + ("" if instance == DEFAULT_INSTANCE else f" --instance {instance}"))


def written_clock(scale: float, start: str) -> str:
    """Return the stream clock as it is written: `wall`, or anchor, start and scale. Raises typer.BadParameter."""
    if not math.isfinite(scale):
        raise typer.BadParameter("give a number above 0", param_hint="--scale")
    if start == "now":
        return "wall" if scale == 1 else stack_clock(scale)
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(f"{start!r} is not now or an ISO time with its offset", param_hint="--start")
    return stack_clock(scale, int(moment.timestamp() * 1000))


def deploy(
    env: Annotated[str, typer.Option(help="Of samconfig.toml: local, staging, production.")] = _LOCAL,
    instance: Instance = DEFAULT_INSTANCE,
) -> None:
    """Build and deploy the template. Into the embedded stack, LocalStack (AWS_ENDPOINT_URL) or AWS (AWS_PROFILE).

    The embedded stack and LocalStack take the environment `local`; any other goes to AWS.
    """
    os.environ[INSTANCE] = instance
    os.environ[STACK] = stack_name_of(env)
    running = use_instance() if env == _LOCAL else None
    if running is None and env == _LOCAL and not os.environ.get("AWS_ENDPOINT_URL"):
        which = "" if instance == DEFAULT_INSTANCE else f" --instance {instance}"
        mend = f"start it with `cellwave up{which}`, or name another environment with --env"
        raise StackError(f"the embedded stack does not run: {mend}")
    begun = time.monotonic()
    with working("deploying …"):
        stack = deploy_stack(running, env, lambda step: note(f"  {step}"))
    tell(f"Deployed {stack.name} in {time.monotonic() - begun:.0f} s. See it: cellwave status")


def status(
    instance: Instance = DEFAULT_INSTANCE,
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
    instance: Instance = DEFAULT_INSTANCE,
    purge: Annotated[bool, typer.Option(help="Remove its folder too, with all state.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every embedded stack of this project.")] = False,
) -> None:
    """Stop the embedded stack in good order. Harmless where none runs."""
    for name in _instances() if everything else [instance]:
        ran = lifecycle.down(name, purge=purge)
        tell(f"{name}: {'stopped' if ran else 'did not run'}{', state removed' if purge else ''}")


def _instances() -> list[str]:
    """Return the instances that have a folder; other things lie beside them."""
    return sorted(lock.parent.name for lock in lifecycle.STATE_ROOT.glob("*/up.lock"))


def _show(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        OUT.print_json(json.dumps(document))
        return
    told = document | ({"clock": _clock_in_words(document["clock"])} if "clock" in document else {})
    rows = [(name.replace("_", " "), _shown(value)) for name, value in told.items()]
    show_table("Status", ("what", "now"), rows)


def _clock_in_words(written: str) -> str:
    if written == "wall":
        return "the wall's"
    anchor, start, scale = (float(part) for part in written.split(","))
    begun, stood = (datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") for ms in (anchor, start))
    return f"{scale:g} times the wall's; it stood at {stood} UTC when the wall's did at {begun}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
