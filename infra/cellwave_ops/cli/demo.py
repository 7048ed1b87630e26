"""`cellwave demo`: the main job, end to end, on the embedded stack."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cellwave_ops.cli.terminal import ERR, OUT

RESULT: Final = Path(".cellwave") / "demo" / "report.json"


def demo(
    source: Annotated[
        Literal["auto", "traces", "town"],
        typer.Option(help="auto takes real traces where they lie beside the project, else the generated town."),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the town and of the public's answers.")] = 7,
    keep: Annotated[bool, typer.Option(help="Leave the stack running, to look around.")] = False,
) -> None:
    """Run it all: start, deploy, publish, replay, touch, answer, report. Exits 1 if anything is lost."""
    from cellwave_ops.cli.documents import show_report
    from cellwave_ops.cli.replay import show as show_replay
    from cellwave_ops.demo.play import Play, write_document

    columns = (
        TextColumn("  "),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} % {task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=ERR, transient=True) as progress:
        task = progress.add_task("", total=1.0, visible=False)

        def say(what: str) -> None:
            progress.update(task, visible=False)
            progress.console.print(f"{progress.tasks[0].elapsed or 0:5.0f} s  {what}")

        def show(fraction: float, what: str) -> None:
            progress.update(task, completed=fraction, description=what, visible=True)

        played = Play(source, seed, say, show, keep).run()
    show_replay(OUT, played.replayed, as_json=False)
    show_report(played.report)
    checks = Table("check", "holds", "seen", title="Checks", title_justify="left")
    for check in played.judgement.checks:
        checks.add_row(check.name, "yes" if check.holds else "NO", check.seen)
    OUT.print(checks)
    write_document(played, RESULT)
    OUT.print(f"Lost: {played.judgement.lost}. {played.seconds['in all']:.0f} s in all. As JSON: {RESULT}")
    if not played.judgement.holds:
        raise typer.Exit(1)
