"""`cellwave demo`: the main job, end to end, on the embedded stack."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Literal

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from cellwave_ops.cli.documents import show_report
from cellwave_ops.cli.terminal import ERR, note, short, show_table, tell
from cellwave_ops.demo.play import FOLDER, RESULT, DemoBusyError, Play, Played
from cellwave_ops.emulator import lifecycle

_LINE_EVERY_S: Final = 15.0


def demo(
    source: Annotated[
        Literal["auto", "traces", "town"],
        typer.Option(help="auto takes real traces where they lie beside the project, else the generated town."),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the town and of the public's answers.")] = 7,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack running, to look around: CELLWAVE_INSTANCE=demo.")
    ] = False,
) -> None:
    """Run it all: start, deploy, publish, replay, touch, answer, report.

    Exits 1 if anything is lost or a check fails. State, logs and the report as JSON lie in .cellwave/demo.
    """
    with _stopped_by_signals(), _Screen() as screen:
        try:
            played = Play(source, seed, screen.say, screen.show, keep).run()
        except DemoBusyError:  # what lies there is the other's
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                note("Interrupted.")
            _say_where(keep)
            raise
    show_played(played)
    if not played.judgement.holds:
        _say_where(keep)
        raise typer.Exit(1)
    if keep:
        tell("The stack runs on: CELLWAVE_INSTANCE=demo cellwave status; stop it: cellwave down --instance demo")


def show_played(played: Played) -> None:
    """Print what the demo came to; the last line says whether anything was lost."""
    sent = played.replayed
    note("")
    what = "traces" if played.source == "traces" else "generated town"
    tell(f"Replayed {sent.events:,} events ({sent.tally.rows:,} rows of the {what}) in {sent.seconds:.0f} s.")
    tell(f"They took {sent.records:,} records, {sent.bytes / 1e6:.1f} MB: {sent.ratio:.1f} times less than JSON lines.")
    show_report(played.report)
    ends = played.judgement.ends
    rows = [(name.replace("_", " "), count) for name, count in ends.items()]
    show_table("Touches by what came of them", ("what", "count"), [("made", sum(ends.values())), *rows])
    checks = played.judgement.checks
    show_table("Checks", ("check", "holds", "seen"), [(c.name, "yes" if c.holds else "NO", c.seen) for c in checks])
    failed = sum(not check.holds for check in checks)
    lost = f"LOST: {played.judgement.lost:,}." if played.judgement.lost else "Nothing was lost."
    held = f"{failed} of {len(checks)} checks FAILED." if failed else f"All {len(checks)} checks hold."
    tell(f"{lost} {held} {played.seconds['in all']:.0f} s in all. As JSON: {short(RESULT)}")


def _say_where(keep: bool) -> None:
    stands = lifecycle.status(FOLDER.name) is not None
    note(f"State and logs of this demo are kept in {short(FOLDER)}: server.log, deploy.log, channels/*.log")
    if stands:
        note("Its stack runs on; stop it: cellwave down --instance demo" if keep else "Its stack could not be stopped.")


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let a hang-up or a termination end the demo as Ctrl-C does: in good order, the stack stopped."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Screen:
    """Steps as lines; how far one is as a bar on a terminal, as a line now and then elsewhere."""

    def __init__(self) -> None:
        columns = (
            TextColumn("       "),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} % {task.description}"),
        )
        self._bar = Progress(*columns, console=ERR, transient=True)
        self._task: TaskID = self._bar.add_task("", total=1.0, visible=False)
        self._said = 0.0

    def __enter__(self) -> "_Screen":
        if ERR.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if ERR.is_terminal:
            self._bar.stop()

    def say(self, elapsed: float, what: str) -> None:
        """Hear what begins."""
        self._bar.update(self._task, visible=False)
        self._said = elapsed
        note(f"{elapsed:5.0f} s  {what}")

    def show(self, elapsed: float, fraction: float, what: str) -> None:
        """Hear how far it is."""
        if ERR.is_terminal:
            self._bar.update(self._task, completed=fraction, description=what, visible=True)
        elif elapsed - self._said >= _LINE_EVERY_S:
            self._said = elapsed
            note(f"{elapsed:5.0f} s    {what}")
