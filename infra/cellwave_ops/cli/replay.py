"""`cellwave replay`: feed a file of signalling into the stream."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cellwave.domain.errors import CellwaveError, DocumentError
from cellwave_ops.sources.replay import OnProgress, ReplayPlan, ReplayResult
from cellwave_ops.sources.replay import replay as replay_file

FAILED: Final = 1
INTERRUPTED: Final = 130
SET_ASIDE: Final = 3


def replay(
    file: Annotated[Path, typer.Argument(help="JSON lines or traces (.csv): plain, .gz or .zst.")],
    format: Annotated[
        Literal["auto", "jsonl", "traces"], typer.Option(help="What the file is; auto goes by its name.")
    ] = "auto",
    speed: Annotated[str, typer.Option(help="Stream seconds a wall second, or max.")] = "max",
    rebase: Annotated[
        str, typer.Option(help="When the file begins: none (its own clock), now, or an ISO time.")
    ] = "none",
    fold_hours: Annotated[
        int | None,
        typer.Option(
            min=0, help="With --rebase: each run begins within so many hours; 0 keeps distances. Traces: 24, others: 0."
        ),
    ] = None,
    producer: Annotated[
        str, typer.Option(help="Producer id. The same file, id, start and speed sent again changes nothing.")
    ] = "",
    stream: Annotated[str, typer.Option(help="Stream name; the deployed stack's where empty.")] = "",
    tee: Annotated[Path | None, typer.Option(help="Write the events as sent here, for cellwave match.")] = None,
    quarantine: Annotated[
        Path | None, typer.Option(help="Where malformed lines go; the instance's folder where empty.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Feed a file of signalling into the stream: pseudonymised, minimised, aggregated, in order.

    Exits 0 when all of it was sent, 1 when it could not be, 3 when malformed lines were set aside.
    """
    from cellwave_ops.stack import connect, state_folder  # brings boto3, for which other commands need not wait

    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        stack = connect()
        plan = ReplayPlan(
            path=file,
            stream=stream or stack.outputs["SignallingStream"],
            quarantine=quarantine or state_folder() / "quarantine" / f"{file.name}.jsonl",
            format=format,
            speed=parsed_speed(speed),
            start_ms=parsed_start(rebase, stack.clock().now),
            fold_hours=fold_hours,
            producer=producer,
            tee=tee,
        )
        result = with_progress(
            errors,
            lambda advance: replay_file(
                plan, stack.kinesis(), stack.pseudonymizer(), advance, admit=stack.check_clock_of
            ),
        )
    except DocumentError as error:
        for problem in error.problems:
            errors.print(str(problem), markup=False)
        raise typer.Exit(FAILED) from None
    except CellwaveError as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        errors.print("stopped; what was sent stays. Sent again with the same --producer, --speed and --rebase TIME,")
        errors.print("nothing of it counts twice.")
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        errors.print(f"{error.filename}: cannot be written: {error.strerror}", markup=False)
        raise typer.Exit(FAILED) from None
    show(Console(soft_wrap=as_json), result, as_json)
    if doubt := stack.doubts_about(result.last_ts):
        errors.print(doubt, markup=False)
    raise typer.Exit(SET_ASIDE if result.quarantined else 0)


def parsed_speed(text: str) -> float | None:
    """Return stream seconds a wall second, None for `max`. Raises typer.BadParameter."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise typer.BadParameter(f"{text!r} is no speed: give a number above 0, or max", param_hint="--speed")
    return speed


def parsed_start(text: str, now: Callable[[], int], option: str = "--rebase") -> int | None:
    """Return the stream time (ms) at which the file shall begin, None for its own. Raises typer.BadParameter."""
    if text == "none":
        return None
    if text == "now":
        return now()
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None:
        reason = f"{text!r} is no start: give none, now, or a time with its offset such as 2026-11-02T00:00:00+00:00"
        raise typer.BadParameter(reason, param_hint=option)
    return int((start - datetime.fromtimestamp(0, UTC)).total_seconds() * 1_000)


def with_progress(console: Console, run: Callable[[OnProgress], ReplayResult]) -> ReplayResult:
    """Run a replay under a bar on the console: how much of the file is read, how many events are on their way."""
    columns = (
        TextColumn("replay"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} % read, {task.fields[events]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("replay", total=1.0, events=0)
        return run(lambda fraction, events: progress.update(task, completed=fraction, events=events))


def show(console: Console, result: ReplayResult, as_json: bool) -> None:
    """Print the account of a replay."""
    if as_json:
        console.print_json(msgspec.json.encode(result.document()).decode())
        return
    table = Table("", "", title=f"Replayed {result.file}", show_header=False, title_justify="left")
    table.add_row("rows read", f"{result.tally.rows:,}")
    for fate, count in result.tally.fates.most_common():
        table.add_row(f"  {fate.replace('_', ' ')}", f"{count:,}")
    for note, count in (+result.tally.notes).most_common():
        table.add_row(f"({note.replace('_', ' ')})", f"{count:,}")
    table.add_row("events sent", f"{result.events:,}")
    table.add_row("from, until", f"{_moment(result.first_ts)}, {_moment(result.last_ts)}")
    table.add_row("records, ticks, requests", f"{result.records:,}, {result.ticks:,}, {result.requests:,}")
    table.add_row("refused and sent again", f"{result.refused:,}")
    size = f"{result.bytes:,} ({result.bytes_an_event:.1f} an event, {result.ratio:.1f} times less than JSON lines)"
    table.add_row("bytes of events", size)
    table.add_row("bytes of ticks", f"{result.tick_bytes:,}")
    table.add_row("producer", result.producer)
    table.add_row("seconds", f"{result.seconds:.1f}")
    if result.quarantined:
        table.add_row("lines set aside", f"{result.quarantined:,}")
    console.print(table)
    if result.quarantined:
        console.print(f"Their reasons: {result.quarantine}", soft_wrap=True)


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S") if ms else "-"
