"""`cellwave redrive`: batches that the matcher gave up on, once more."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from cellwave_ops.cli.terminal import OUT, note, show_table, working
from cellwave_ops.redrive import Redrive
from cellwave_ops.stack import connect


def redrive(as_json: Annotated[bool, typer.Option("--json", help="Print the account as JSON.")] = False) -> None:
    """Put the records of batches that the matcher gave up on into the stream again.

    Mend the cause first. Reads the matcher's failures queue and deletes a message once all its records are put; what
    was applied already changes nothing. The stream holds records for 24 hours: exits 1 when some are lost, or a
    message names no batch, and keeps those messages.
    """
    stack = connect()
    outputs = stack.outputs
    again = Redrive(
        stack.kinesis(), stack.wiring.clients.sqs, outputs["SignallingStream"], outputs["MatcherFailuresQueue"], note
    )
    with working("reading the matcher's failures queue …"):
        done = again.run()
    if as_json:
        OUT.print_json(json.dumps(asdict(done)))
    else:
        rows = [(name, getattr(done, name)) for name in ("batches", "records", "events")]
        show_table("Put again", ("what", "how many"), [*rows, ("ticks left out", done.ticks)])
    for reason in (*done.lost, *done.unusable):
        note(f"not put again: {reason}")
    if not done.is_whole:
        raise typer.Exit(1)
