"""`cellwave publish`, `lists load`, `report`: what marketers hand in and get back."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cellwave.application.publish import publish as publish_documents
from cellwave.application.report import Report
from cellwave.domain.errors import DocumentError, Problem
from cellwave_ops.cli.replay import parsed_start
from cellwave_ops.cli.terminal import ERR, OUT, working
from cellwave_ops.operations import load_numbers, read_publication, report_document, stack_report
from cellwave_ops.sources.numbers import read_numbers
from cellwave_ops.stack import connect

lists = typer.Typer(help="Target lists.", no_args_is_help=True)


def publish(
    folder: Annotated[
        Path, typer.Argument(help="Holds campaigns/, flows/, areas.json, scripts.json, or some of them.")
    ],
    counts_from: Annotated[
        str, typer.Option(help="Stream time from which new campaigns count: now, or an ISO time with its offset.")
    ] = "now",
) -> None:
    """Publish campaigns, flows, areas and scripts. Nothing changes unless all of it is right."""
    publication = read_publication(folder)
    stack = connect()
    start = parsed_start(counts_from, stack.clock().now) if counts_from != "now" else None
    before = stack.wiring.registry.current().version
    ruleset = publish_documents(stack.wiring.registry, stack.clock(), publication, start)
    if ruleset.version == before:
        OUT.print(f"Nothing new: version {before} says all of it already.")
        return
    table = Table("what", "published", title=f"Ruleset version {ruleset.version}", title_justify="left")
    for campaign in publication.campaigns:
        table.add_row("campaign", f"{campaign.name}: {campaign.product}, list {campaign.target_list}")
    for flow in publication.flows:
        table.add_row("flow", ruleset.current[flow.name])
    table.add_row("areas, scripts", f"{len(publication.areas)}, {len(publication.scripts)}")
    OUT.print(table)


@lists.command("load")
def load(
    name: Annotated[str, typer.Argument(help="The list's name, as campaigns give it.")],
    file: Annotated[Path, typer.Argument(help="CSV, .csv.gz or Parquet with a `sub` column of numbers (E.164).")],
) -> None:
    """Seal a target list from a file of numbers and publish it as a new version. The file is kept nowhere."""
    with working(f"reading {file} …"):
        numbers = read_numbers(file)
    if not numbers:
        raise DocumentError([Problem(str(file), "", "the list is empty", "put at least one subscriber on it")])
    stack = connect()
    with working(f"sealing {len(numbers):,} subscribers …"):
        version = load_numbers(stack, name, numbers)
    OUT.print(f"List {name}, version {version}: {len(numbers):,} subscribers sealed.")


def report(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Tell what came in, who was touched, what was answered and how journeys ended. Exits 1 if anything is lost."""
    stack = connect()
    with working("reading journeys and outcomes …"):
        counted = stack_report(stack)
    if as_json:
        OUT.print_json(json.dumps(report_document(counted)))
    else:
        show_report(counted)
    if counted.stuck or not counted.is_balanced:
        ERR.print(f"{len(counted.stuck)} journeys should have moved on and did not: {', '.join(counted.stuck[:5])}")
        raise typer.Exit(1)


def show_report(counted: Report) -> None:
    """Print the report as tables."""
    _table("Stream", ("what", "count"), [(name.replace("_", " "), n) for name, n in sorted(counted.stream.items())])
    fates = [(f"  {name.replace('_', ' ')}", n) for name, n in sorted(counted.fates.items())]
    matches = [(f"  {name}", n) for name, n in sorted(counted.matches.items())]
    _table("Matches", ("what", "count"), [("all", counted.matched), *matches, ("of these", ""), *fates])
    rows = [
        (wave, channel, state, n)
        for (wave, channel), states in sorted(counted.touches.items())
        for state, n in sorted(states.items())
    ]
    _table("Touches by wave and channel", ("wave", "channel", "state", "count"), rows)
    answers = [(channel, kind, n) for (channel, kind), n in sorted(counted.answers.items())]
    _table("Outcomes", ("channel", "outcome", "count"), answers)
    _table("Journeys by how they ended", ("ended by", "count"), sorted(counted.endings.items()))


def _table(title: str, columns: tuple[str, ...], rows: list[Any]) -> None:
    table = Table(title=title, title_justify="left", min_width=46)
    for column in columns:
        table.add_column(column, justify="right" if column == "count" else "left")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    OUT.print(table)
