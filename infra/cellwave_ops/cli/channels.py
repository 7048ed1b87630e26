"""`cellwave poll` and `front`: reference channel systems at work."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from cellwave.domain.flow import ACTIVE_CHANNELS
from cellwave_ops.channels.front import FrontLine
from cellwave_ops.channels.sender import Sender, outbox
from cellwave_ops.cli.terminal import OUT, note, show_table
from cellwave_ops.sources.numbers import read_numbers
from cellwave_ops.stack import connect, state_folder

Seconds = Annotated[float, typer.Option(min=0, help="Stop after so many seconds without work; 0: never.")]
Public = Annotated[
    int | None, typer.Option("--public", help="Seed of a simulated public that answers; none: nobody does.")
]


def poll(
    channel: Annotated[str, typer.Argument(help=f"One of {', '.join(ACTIVE_CHANNELS)}.")],
    public: Public = None,
    out: Annotated[Path | None, typer.Option(help="The file that stands for the network; numbers are masked.")] = None,
    idle: Seconds = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON at the end.")] = False,
) -> None:
    """Be a channel system: poll the queue, claim each touch, send, report. Ends on Ctrl-C or when idle.

    Never sends a touch twice: what was claimed by a run that died stays unsent and unknown. A message that is no
    touch goes to the dead-letter queue after its receives.
    """
    if channel not in ACTIVE_CHANNELS:
        raise typer.BadParameter(f"{channel!r} has no queue: {', '.join(ACTIVE_CHANNELS)} have", param_hint="CHANNEL")
    stack = connect()
    send = outbox(out or state_folder() / "outbox" / f"{channel}.jsonl")
    url = stack.channel_queues[channel]
    sender = Sender(channel, url, stack.wiring.clients.sqs, stack.api(), send, stack.clock().now, public)
    last = time.monotonic()
    try:
        while not idle or time.monotonic() - last < idle:
            wait = 1 if idle or not sender.agenda.is_empty else 20
            if sender.poll(wait):
                last = time.monotonic()
                note(f"{channel}: {_line(sender.counts)}")
    except KeyboardInterrupt:
        note("stopped")
    finally:
        _show(f"Channel {channel}", dict(sender.counts), as_json)


def front(
    people: Annotated[Path, typer.Argument(help="CSV with a `sub` column: who may come by.")],
    public: Annotated[int, typer.Option(help="Seed of who comes when, and of what they say.")] = 1,
    visits: Annotated[float, typer.Option(min=0, help="Visits a person and day.")] = 0.25,
    idle: Annotated[float, typer.Option(min=0, help="Stop after so many seconds; 0: on Ctrl-C.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON at the end.")] = False,
) -> None:
    """Be the front line: people come to the counter, ring the hotline, open the web page, and are made their offer."""
    visitors = read_numbers(people)
    stack = connect()
    line = FrontLine(visitors, stack.api(), stack.clock().now, public, visits)
    begun = time.monotonic()
    try:
        line.run(lambda: bool(idle) and time.monotonic() - begun > idle)
    except KeyboardInterrupt:
        note("stopped")
    finally:
        _show("Front line", dict(line.counts), as_json)


def _line(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _show(title: str, counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        OUT.print_json(json.dumps(counts))
        return
    show_table(title, ("what", "how often"), [(name.replace("_", " "), n) for name, n in sorted(counts.items())])
