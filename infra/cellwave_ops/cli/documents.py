"""`cellwave publish`, `lists load`, `report`: what marketers hand in and get back."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from cellwave.application.publish import publish as publish_documents
from cellwave.application.report import FATES, Report
from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.journey import ANSWERS
from cellwave_ops.cli.replay import parsed_start
from cellwave_ops.cli.terminal import OUT, note, show_table, tell, working
from cellwave_ops.operations import load_numbers, read_publication, report_document, stack_report
from cellwave_ops.sources.numbers import read_numbers
from cellwave_ops.stack import StackError, connect

_Key = TypeVar("_Key", bound=tuple[str, ...])
_TOUCH_STATES: Final = ("claimed", "sent", "delivered", "failed", "shown", "unknown")

lists = typer.Typer(help="Target lists.", no_args_is_help=True)


def publish(
    folder: Annotated[
        Path, typer.Argument(help="Holds campaigns/, flows/, areas.json, scripts.json, or some of them.")
    ],
    counts_from: Annotated[
        str, typer.Option(help="Stream time from which new campaigns count: now, or an ISO time with its offset.")
    ] = "now",
) -> None:
    """Publish campaigns, flows, areas and scripts. Nothing changes unless all of it is right.

    What is published before and is not in the folder stays. A campaign ends at its `until`.
    """
    start = parsed_start(counts_from, int, "--counts-from") if counts_from != "now" else None
    try:
        stack = connect()
    except StackError:
        read_publication(folder)  # what is wrong with the documents comes first
        raise
    standing = stack.wiring.registry.current()
    publication = read_publication(folder, standing)
    before = standing.version
    ruleset = publish_documents(stack.wiring.registry, stack.clock(), publication, start)
    if ruleset.version == before:
        tell(f"Nothing new: version {before} says all of it already.")
        return
    campaigns = [("campaign", f"{c.name}: {c.product}, list {c.target_list}") for c in publication.campaigns]
    flows = [("flow", ruleset.current[flow.name]) for flow in publication.flows]
    counts = ("areas, scripts", f"{len(publication.areas)}, {len(publication.scripts)}")
    show_table(f"Ruleset version {ruleset.version}", ("what", "published"), [*campaigns, *flows, counts])


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
    tell(f"List {name}, version {version}: {len(numbers):,} subscribers sealed.")


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
    if counted.stuck:
        note(f"{len(counted.stuck)} journeys should have moved on and did not: {', '.join(counted.stuck[:5])}")
    if counted.unopened:
        note(f"{len(counted.unopened)} matches have no journey: {', '.join(counted.unopened[:5])}")
    if counted.stuck or counted.unopened:
        raise typer.Exit(1)


def show_report(counted: Report) -> None:
    """Print the report as tables."""
    show_table("Stream", ("what", "count"), _rows(counted.stream))
    fates = [(name.replace("_", " "), counted.fates.get(name, 0)) for name in FATES]
    campaigns = [(f"of {name}", count) for name, count in sorted(counted.matches.items())]
    show_table("Matches, and what became of them", ("what", "count"), [("all", counted.matched), *campaigns, *fates])
    _show_grid("Touches by wave and channel", ("wave", "channel"), counted.touches, _TOUCH_STATES)
    answers: dict[tuple[str], dict[str, int]] = {}
    for (channel, kind), count in counted.answers.items():
        answers.setdefault((channel,), {})[kind] = count
    _show_grid("Outcomes by channel", ("channel",), answers, ANSWERS)
    show_table("Journeys by how they ended", ("ended by", "count"), _rows(counted.endings))


def _rows(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(name.replace("_", " "), count) for name, count in sorted(counts.items())]


def _show_grid(
    title: str,
    keys: tuple[str, ...],
    cells: Mapping[_Key, Mapping[str, int]],
    order: Sequence[str],
) -> None:
    """Print counts with a row a key and a column a name: those that occur, in the order given; and each row's sum."""
    found = {name for counts in cells.values() for name in counts}
    names = [name for name in order if name in found] + sorted(found - set(order))
    rows = [
        (*(part.replace("_", " ") for part in key), *(counts.get(name, 0) for name in names), sum(counts.values()))
        for key, counts in sorted(cells.items())
    ]
    show_table(title, (*keys, *(name.replace("_", " ") for name in names), "in all"), rows)
