"""`cellwave town`: make a small town's signalling."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cellwave_ops.sources.town_files import TownPlan, make_town


def town(
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    people: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many inhabitants.")] = 2_000,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed makes the same town.")] = 1,
    noise: Annotated[bool, typer.Option("--noise", help="Add repeated, disordered and malformed lines.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make a small town: events, subscribers, target lists, areas, and campaigns and flows that fit them."""
    columns = (TextColumn("town"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("town", total=1.0)
        plan = TownPlan(out, people, days, seed, noise)
        result = make_town(plan, lambda fraction: progress.update(task, completed=fraction))
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        console.print_json(msgspec.json.encode(result).decode())
        return
    lists = ", ".join(f"{name} ({count:,})" for name, count in result.listed.items())
    console.print(f"{out}: {result.people:,} people, {result.events:,} events; lists: {lists}", markup=False)
    if noise:
        extra = f"{result.repeated:,} repeated, {result.disordered:,} late by seconds, {result.malformed:,} malformed"
        console.print(f"noise: {extra}; {result.lines:,} lines", markup=False)
