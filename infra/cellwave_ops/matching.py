"""Match a file of events offline, by the engine that is deployed."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from errno import ENOENT
from itertools import islice
from pathlib import Path
from typing import Final

from cellwave.application.match_offline import match_events
from cellwave.contracts.documents import Known, load_areas, load_campaigns
from cellwave.contracts.event_lines import read_events
from cellwave.contracts.list_files import LIST_SUFFIXES, load_list
from cellwave.domain.campaign import Campaign, Match
from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.rules import Rules
from cellwave.domain.signalling import Event

SHOWN_PROBLEMS: Final = 20
PROGRESS_STEP: Final = 20_000


@dataclass(slots=True)
class MatchSummary:
    """What a run over a file came to; `left_out` holds the first problems of event lines, `bad_lines` counts all."""

    events: int = 0
    bad_lines: int = 0
    matches: int = 0
    held_out: int = 0
    left_out: list[Problem] = field(default_factory=list)

    def note_bad(self, problem: Problem) -> None:
        """Count a line that is no event."""
        self.bad_lines += 1
        if len(self.left_out) < SHOWN_PROBLEMS:
            self.left_out.append(problem)


def run_match(
    campaigns: Path,
    areas: Path,
    lists: Path,
    events: Path,
    out: Path,
    on_progress: Callable[[int], None] = lambda events: None,
) -> MatchSummary:
    """Match a file's events and write one line a match, in the order of trigger time, subscriber, campaign.

    `on_progress` hears the number of events now and then. Raises DocumentError, with all problems, before anything
    is written, and OSError when `out` cannot be written.
    """
    rules, members = _load(campaigns, areas, lists)
    if not out.parent.is_dir():  # said now, not after an hour of matching
        raise FileNotFoundError(ENOENT, f"no such folder: {out.parent}")
    summary = MatchSummary()
    counted = _count(read_events(events, summary.note_bad), summary, on_progress)
    matches = match_events(rules, members, counted)
    summary.matches = len(matches)
    summary.held_out = sum(match.held_out for match in matches)
    _write(out, matches)
    return summary


def _load(campaigns: Path, areas: Path, lists: Path) -> tuple[Rules, dict[str, frozenset[str]]]:
    """Read every document, so that all their problems come at once."""
    problems: list[Problem] = []
    cells: dict[str, frozenset[str]] | None = None
    loaded: list[Campaign] = []
    members: dict[str, frozenset[str]] = {}
    files = _list_files(lists)
    if not lists.is_dir():
        problems.append(Problem(str(lists), "", "no such folder", "name the folder of the target lists"))
    try:
        cells = load_areas(areas)
    except DocumentError as error:
        problems += error.problems
    try:
        loaded = load_campaigns(campaigns, Known(areas=cells, lists=files))
    except DocumentError as error:
        problems += error.problems
    for name in sorted({campaign.target_list for campaign in loaded}):
        try:
            members[name] = _members(name, files[name])
        except DocumentError as error:
            problems += error.problems
    if problems or cells is None:
        raise DocumentError(problems)
    return Rules.compile(loaded, cells), members


def _list_files(directory: Path) -> dict[str, list[Path]]:
    """Return the files of each list in a folder, by the list's name."""
    found: dict[str, list[Path]] = {}
    for file in sorted(directory.glob("*")):
        for suffix in LIST_SUFFIXES:
            if file.name.endswith(suffix):
                found.setdefault(file.name.removesuffix(suffix), []).append(file)
    return found


def _members(name: str, files: list[Path]) -> frozenset[str]:
    if len(files) > 1:
        others = ", ".join(file.name for file in files[1:])
        raise DocumentError([Problem(str(files[0]), "", f"{others} holds the list {name} too", "keep one file")])
    return load_list(files[0])


def _count(events: Iterable[Event], summary: MatchSummary, on_progress: Callable[[int], None]) -> Iterator[Event]:
    stream = iter(events)
    while chunk := list(islice(stream, PROGRESS_STEP)):
        yield from chunk
        summary.events += len(chunk)
        on_progress(summary.events)


def _write(out: Path, matches: Iterable[Match]) -> None:
    """Write the matches beside their place first, so that nobody ever reads half of them."""
    unfinished = out.with_name(out.name + ".part")
    with unfinished.open("w", encoding="utf-8", newline="\n") as stream:
        for found in matches:
            line = {
                "campaign": found.campaign,
                "sub": found.sub,
                "trigger_ts": found.trigger_ts,
                "held_out": found.held_out,
            }
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    unfinished.replace(out)
