"""The documents that marketers write, from text or files to the domain: every problem at once, with its place.

Publishing and the command use this; nothing that matches imports it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field, RootModel, StringConstraints, ValidationError

from cellwave.contracts import campaign_document, flow_document, positions
from cellwave.contracts.campaign_document import CampaignDocument, Name
from cellwave.contracts.diagnosis import CELL, Document, diagnose, nearest
from cellwave.contracts.flow_document import FlowDocument
from cellwave.contracts.positions import Located, show
from cellwave.domain.campaign import Campaign
from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.flow import Flow

D = TypeVar("D", bound=BaseModel)
Text = tuple[str, str]
"""Where a document comes from, and what it says."""

Cell = Annotated[str, StringConstraints(pattern=CELL)]
Script = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Area = Annotated[list[Cell], Field(min_length=1)]


class AreasDocument(RootModel[dict[Name, Area]]):
    """Named sets of cells."""

    root: dict[Name, Area] = Field(min_length=1)


class ScriptsDocument(Document):
    """The approved words, by the name that flows use."""

    scripts: dict[Name, Script]


@dataclass(frozen=True, slots=True)
class Known:
    """The names to which documents may refer; None leaves a kind of name unchecked."""

    areas: Collection[str] | None = None
    lists: Collection[str] | None = None
    flows: Collection[str] | None = None
    scripts: Collection[str] | None = None


ANYTHING = Known()


@dataclass(frozen=True, slots=True)
class _Placed(Generic[D]):
    """A document and where it stands in its text."""

    located: Located
    base: positions.Path
    document: D

    def problem(self, path: positions.Path, reason: str, mend: str) -> Problem:
        return self.located.problem((*self.base, *path), reason, mend)


def load_campaigns(directory: Path, known: Known = ANYTHING) -> list[Campaign]:
    """Return the campaigns of all `*.json` of a folder, by file name. Raises DocumentError with all problems."""
    texts, problems = _texts(directory)
    return _campaigns(texts, known, problems)


def parse_campaigns(text: str, source: str, known: Known = ANYTHING) -> list[Campaign]:
    """Return the campaigns of a text: one document or an array of them. Raises DocumentError."""
    return _campaigns([(source, text)], known, [])


def load_flows(directory: Path, version: int = 1, known: Known = ANYTHING) -> list[Flow]:
    """Return the flows of all `*.json` of a folder as `version` of each. Raises DocumentError."""
    texts, problems = _texts(directory)
    return _flows(texts, version, known, problems)


def parse_flows(text: str, source: str, version: int = 1, known: Known = ANYTHING) -> list[Flow]:
    """Return the flows of a text as `version` of each: one document or an array. Raises DocumentError."""
    return _flows([(source, text)], version, known, [])


def load_areas(file: Path) -> dict[str, frozenset[str]]:
    """Return the cells of each area. Raises DocumentError."""
    return parse_areas(_text(file), str(file))


def parse_areas(text: str, source: str) -> dict[str, frozenset[str]]:
    """Return the cells of each area of a text. Raises DocumentError."""
    areas = _single(text, source, AreasDocument).root
    return {name: frozenset(cells) for name, cells in areas.items()}


def load_scripts(file: Path) -> dict[str, str]:
    """Return the approved texts by name. Raises DocumentError."""
    return parse_scripts(_text(file), str(file))


def parse_scripts(text: str, source: str) -> dict[str, str]:
    """Return the approved texts of a document by name. Raises DocumentError."""
    return dict(_single(text, source, ScriptsDocument).scripts)


def _campaigns(texts: Iterable[Text], known: Known, problems: list[Problem]) -> list[Campaign]:
    placed: list[_Placed[CampaignDocument]] = []
    for source, text in texts:
        placed += _read(source, text, CampaignDocument, campaign_document.LATER, problems)
    _refuse_repeated([(item, item.document.campaign) for item in placed], "campaign", problems)
    for item in placed:
        problems += [item.problem(*finding) for finding in item.document.contradictions()]
        problems += _unknown_names(item, known)
    if problems:
        raise _all(problems)
    return [item.document.to_domain() for item in placed]


def _flows(texts: Iterable[Text], version: int, known: Known, problems: list[Problem]) -> list[Flow]:
    placed: list[_Placed[FlowDocument]] = []
    for source, text in texts:
        placed += _read(source, text, FlowDocument, flow_document.LATER, problems)
    _refuse_repeated([(item, item.document.flow) for item in placed], "flow", problems)
    for item in placed:
        problems += [item.problem(*finding) for finding in item.document.contradictions()]
        if known.scripts is not None:
            problems += [item.problem(*finding) for finding in item.document.missing_scripts(known.scripts)]
    if problems:
        raise _all(problems)
    return [item.document.to_domain(version) for item in placed]


def _unknown_names(item: _Placed[CampaignDocument], known: Known) -> Iterator[Problem]:
    campaign = item.document
    references: tuple[tuple[str, positions.Path, str, Collection[str] | None], ...] = (
        ("area", ("trigger", "area"), campaign.trigger.area, known.areas),
        ("target list", ("targets", "list"), campaign.targets.list, known.lists),
        ("flow", ("flow",), campaign.flow, known.flows),
    )
    for what, path, name, names in references:
        if names is not None and name not in names:
            yield item.problem(path, f"unknown {what} {show(name)}", nearest(name, names))


def _refuse_repeated(named: Iterable[tuple[_Placed[D], str]], what: str, problems: list[Problem]) -> None:
    first: dict[str, _Placed[D]] = {}
    for item, name in named:
        if name in first:
            before = first[name].problem((what,), "", "")
            reason = f"a second {what} {show(name)}; the first is at {before.source}:{before.line}"
            problems.append(item.problem((what,), reason, "give it a name of its own"))
        first.setdefault(name, item)


def _read(
    source: str, text: str, model: type[D], later: Mapping[str, str], problems: list[Problem]
) -> Iterator[_Placed[D]]:
    """Yield the sound documents of a text, one or an array of them; the rest adds to the problems."""
    try:
        located = positions.locate(text, source)
    except DocumentError as error:
        problems += error.problems
        return
    problems += located.problems
    several = isinstance(located.value, list)
    for number, value in enumerate(located.value if several else [located.value]):
        base: positions.Path = (number,) if several else ()
        try:
            yield _Placed(located, base, model.model_validate(value))
        except ValidationError as error:
            problems += diagnose(located, base, error, later, _field_names(model))


def _single(text: str, source: str, model: type[D]) -> D:
    located = positions.locate(text, source)
    problems = list(located.problems)
    try:
        document = model.model_validate(located.value)
    except ValidationError as error:
        problems += diagnose(located, (), error, {}, _field_names(model))
    if problems:
        raise _all(problems)
    return document


def _texts(directory: Path) -> tuple[list[Text], list[Problem]]:
    """Read all documents of a folder; files that cannot be read become problems."""
    files = sorted(file for file in directory.glob("*.json") if not file.name.startswith("."))
    if not files:
        reason = "holds no *.json" if directory.is_dir() else "no such folder"
        return [], [Problem(str(directory), "", reason, "name the folder of the documents")]
    texts: list[Text] = []
    problems: list[Problem] = []
    for file in files:
        try:
            texts.append((str(file), _text(file)))
        except DocumentError as error:
            problems += error.problems
    return texts, problems


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise DocumentError([Problem(str(file), "", reason, "check the path and its permissions")]) from error
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DocumentError([Problem(str(file), "", "not UTF-8", "save the file as UTF-8", line)]) from error


def _all(problems: list[Problem]) -> DocumentError:
    return DocumentError(sorted(problems, key=lambda problem: (problem.source, problem.line)))


@cache
def _field_names(model: type[BaseModel]) -> frozenset[str]:
    """Return every field of a document at any depth, for the mend of an unknown one."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for part in parts for name in part.get("properties", {}))
