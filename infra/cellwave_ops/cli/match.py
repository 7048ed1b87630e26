"""`cellwave match`: match a file of events offline, by the engine that is deployed."""

import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cellwave.domain.errors import DocumentError
from cellwave_ops.matching import MatchSummary, run_match

SHOW_PROGRESS_AFTER_S: Final = 2.0

OK: Final = 0
BAD_DOCUMENT: Final = 1
LEFT_OUT: Final = 3


def match(
    campaigns: Annotated[Path, typer.Option(help="Folder of campaign documents (*.json).")],
    areas: Annotated[Path, typer.Option(help="Areas document: names and their cells.")],
    lists: Annotated[Path, typer.Option(help="Folder of target lists: NAME.csv, .csv.gz or .parquet.")],
    events: Annotated[Path, typer.Option(help="Events: .jsonl, .jsonl.gz or .jsonl.zst.")],
    out: Annotated[Path, typer.Option(help="Where to write the matches (.jsonl).")],
    home_plmn: Annotated[
        str | None, typer.Option(hidden=True, help="Home networks; for roaming triggers, to come.")
    ] = None,
    tac: Annotated[
        Path | None, typer.Option(hidden=True, help="CSV with tac, maker, model; for device triggers, to come.")
    ] = None,
) -> None:
    """Match a file of events offline.

    Exits 0 when clean, 1 with every problem when a document is bad (nothing is written), 3 when the matches are
    written but some event lines were left out.
    """
    del home_plmn, tac  # today's triggers need neither; they are options already, so that scripts need not change
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    started = time.monotonic()
    try:
        with _ProgressLine(console) as line:
            summary = run_match(campaigns, areas, lists, events, out, line.advance)
    except DocumentError as error:
        for problem in error.problems:
            console.print(str(problem), markup=False)
        console.print(f"{len(error.problems)} problem(s); nothing was written", markup=False)
        raise typer.Exit(BAD_DOCUMENT) from None
    except OSError as error:
        console.print(f"{out}: cannot be written: {error.strerror}", markup=False)
        raise typer.Exit(BAD_DOCUMENT) from None
    _report(console, summary, time.monotonic() - started)
    raise typer.Exit(LEFT_OUT if summary.bad_lines else OK)


class _ProgressLine:
    """A line on a terminal for what takes longer than two seconds."""

    def __init__(self, console: Console):
        columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} events"), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("match", total=None)
        self._is_terminal = console.is_terminal
        self._show_from = time.monotonic() + SHOW_PROGRESS_AFTER_S
        self._is_shown = False

    def __enter__(self) -> "_ProgressLine":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._is_shown:
            self._progress.stop()

    def advance(self, events: int) -> None:
        """Hear how many events there were so far."""
        if self._is_terminal and not self._is_shown and time.monotonic() > self._show_from:
            self._progress.start()
            self._is_shown = True
        self._progress.update(self._task, completed=events)


def _report(console: Console, summary: MatchSummary, seconds: float) -> None:
    for problem in summary.left_out:
        console.print(str(problem), markup=False)
    if summary.bad_lines > len(summary.left_out):
        console.print(f"... and {summary.bad_lines - len(summary.left_out):,} more", markup=False)
    console.print(
        f"{summary.events:,} events, {summary.matches:,} matches ({summary.held_out:,} held out), "
        f"{summary.bad_lines:,} lines left out, {seconds:.1f} s",
        markup=False,
    )
