"""What the command does to a deployed stack, apart from how it shows it."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cellwave.application.publish import Publication, publish_list
from cellwave.application.report import Report, report
from cellwave.contracts.documents import Known, load_areas, load_campaigns, load_flows, load_scripts
from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.identifiers import LANES
from cellwave.domain.ruleset import Ruleset
from cellwave_ops.stack import Stack

GRACE_S: Final = 30


def read_publication(folder: Path, published: Ruleset | None = None) -> Publication:
    """Return what a folder holds: `campaigns/`, `flows/`, `areas.json`, `scripts.json`, each if it is there.

    With what is published already, names that lead nowhere are told too, where they stand. Raises DocumentError with
    every problem of every file, and one for a folder that holds none of them.
    """
    problems: list[Problem] = []
    found: dict[str, Any] = {}

    def read(name: str, load: Callable[[Path], Any]) -> Any:
        path = folder / name
        if path.exists():
            try:
                found[path.stem] = load(path)
            except DocumentError as error:
                problems.extend(error.problems)
        return found.get(path.stem, ())

    def known(names: Iterable[str], standing: Iterable[str] | None) -> Collection[str] | None:
        return None if standing is None else {*names, *standing}

    areas = known(read("areas.json", load_areas), published.areas if published else None)
    scripts = known(read("scripts.json", load_scripts), published.scripts if published else None)
    read("flows", lambda path: load_flows(path, known=Known(scripts=scripts)))
    flows = known((flow.name for flow in found.get("flows", ())), published.current if published else None)
    names = Known(areas=areas, flows=flows, scripts=scripts, lists=published.lists if published else None)
    read("campaigns", lambda path: load_campaigns(path, names))
    if not found and not problems:
        mend = "it takes campaigns/, flows/, areas.json, scripts.json, or some of them"
        reason = "nothing to publish here" if folder.is_dir() else "no such folder"
        problems.append(Problem(str(folder), "", reason, mend))
    if problems:
        raise DocumentError(problems)
    return Publication(**found)


def load_numbers(stack: Stack, name: str, numbers: list[str]) -> int:
    """Seal and publish canonical MSISDNs as a list's next version, and return it."""
    stack.make_keys()
    wiring = stack.wiring
    keys = stack.pseudonymizer()
    by_pseudonym = {keys.of(number): number for number in numbers}
    return publish_list(wiring.registry, wiring.lists, wiring.vault, name, by_pseudonym).version


def stack_report(stack: Stack) -> Report:
    """Return the report of a deployed stack, as of now in stream time.

    A journey counts as stuck half a minute of wall time after it should have moved: what is at work is not lost.
    """
    wiring = stack.wiring
    ruleset = wiring.registry.current()
    marks = list(wiring.journeys.marks())  # before the journeys, which are written after their marks
    now = stack.clock().now()
    grace = int(GRACE_S * 1000 * stack.speed)
    return report(ruleset, wiring.state.all_lanes(), wiring.journeys.all(), marks, wiring.ledger.all(), now, grace)


def report_document(counted: Report) -> dict[str, Any]:
    """Return the report as it is written to JSON."""
    return {
        "stream": dict(counted.stream),
        "matches": {"total": counted.matched, "by_campaign": dict(counted.matches), "by_fate": dict(counted.fates)},
        "touches": [
            {"wave": wave, "channel": channel, **states} for (wave, channel), states in sorted(counted.touches.items())
        ],
        "answers": [
            {"channel": channel, "answer": kind, "count": count}
            for (channel, kind), count in sorted(counted.answers.items())
        ],
        "endings": dict(counted.endings),
        "stuck": list(counted.stuck),
        "unopened": list(counted.unopened),
    }


def stack_status(stack: Stack) -> dict[str, Any]:
    """Return what is published and what waits in a deployed stack."""
    ruleset = stack.wiring.registry.current()
    lanes = list(stack.wiring.state.all_lanes())
    counts: dict[str, int] = {}
    for lane in lanes:
        for name, count in lane.counts.items():
            counts[name] = counts.get(name, 0) + count
    return {
        "stack": stack.name,
        "stream_time": _moment(stack.clock().now()),
        "ruleset": ruleset.version,
        "campaigns": sorted(ruleset.campaigns),
        "flows": sorted(ruleset.current.values()),
        "lists": {name: version.count for name, version in sorted(ruleset.lists.items())},
        "lanes": f"{len(lanes)} of {LANES} seen",
        "stream": counts,
        "queued": {channel: depth(stack, url) for channel, url in stack.channel_queues.items()},
        "dead_letters": {channel: depth(stack, url) for channel, url in stack.channel_dlqs.items()},
        "matcher_failures": depth(stack, stack.outputs["MatcherFailuresQueue"]),
        "tick_failures": depth(stack, stack.outputs["TickFailuresQueue"]),
    }


def depth(stack: Stack, url: str) -> int:
    """Return how many messages a queue holds, in flight or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = stack.wiring.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)  # type: ignore[arg-type]
    held: dict[str, str] = dict(answer["Attributes"])  # type: ignore[arg-type]
    return sum(int(held[name]) for name in names)


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
