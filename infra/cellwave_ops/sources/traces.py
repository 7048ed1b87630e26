"""Serving-cell traces: one row a second or so of what a phone's modem reported, many runs in one CSV.

The columns used are `trace` (names one phone's run), `Timestamp` (UTC, `2019.12.16_13.40.04`), `Operatorname`,
`LACHEX` and `RAWCELLID`; the form is that of Raca et al., "Beyond throughput, the next generation", MMSys 2020.
"""

import csv
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.signalling import SIGHTING
from cellwave_ops.sources.events import Quarantine, SourceEvent, Tally
from cellwave_ops.sources.lines import MAX_LINE, Lines

PERIODIC_MS: Final = 60_000
COLUMNS: Final = ("trace", "Timestamp", "Operatorname", "LACHEX", "RAWCELLID")

_MISSING: Final = frozenset(("", "-"))
_HOME_PLMN: Final = "27203"
_MEND: Final = "give one row a sample, with the header's columns"


class _Sample(NamedTuple):
    ts: int
    row: int
    cell: str


class _MalformedError(Exception):
    """A row that is no sample; bears the reason."""


class CellTraces:
    """Reads traces and yields sightings in the order of time: a phone's run becomes a subscriber.

    A run is sorted in time first. A changed serving cell is a sighting, and so is every minute spent in one. Each
    row has one fate: `sighting`, `unchanged` (the cell is the last sighting's, under a minute ago), `repeated`
    (second and cell are those of the row before), `no_cell` (missing), `lac_zero` or `malformed`. Notes:
    `out_of_order` rows and `runs`. An operator's name that is no MCC-MNC (names are often left out of published
    traces) stands for `home_plmn`. Memory holds the usable rows. Raises DocumentError where the file is no trace.
    """

    def __init__(self, path: Path, quarantine: Quarantine, home_plmn: str = _HOME_PLMN):
        self.tally = Tally()
        self.lines = Lines(path)
        self._quarantine = quarantine
        self._home_plmn = home_plmn
        self._cells: dict[tuple[str, str, str], str] = {}

    def __iter__(self) -> Iterator[SourceEvent]:
        runs = self._runs()
        self.tally.notes["runs"] = len(runs)
        events: list[SourceEvent] = []
        for name, who in _subscribers(runs).items():
            events.extend(self._sightings(who, runs[name]))
        events.sort(key=attrgetter("ts"))
        yield from events

    def _runs(self) -> dict[str, list[_Sample]]:
        runs: dict[str, list[_Sample]] = {}
        columns: dict[str, int] | None = None
        for number, line in self.lines:
            if columns is None:
                columns = _header(self.lines.path, line)
                continue
            try:
                name, sample = self._parsed(number, line, columns)
            except (_MalformedError, ValueError, csv.Error) as error:
                self.tally.row("malformed")
                # Of other errors the words may quote the row.
                reason = str(error) if isinstance(error, _MalformedError) else "no row of CSV in UTF-8"
                problem = Problem(self.lines.path.name, "", reason, _MEND, number)
                self._quarantine.add(problem, line)
                continue
            run = runs.setdefault(name, [])
            if sample:
                self.tally.notes["out_of_order"] += bool(run) and sample.ts < run[-1].ts
                run.append(sample)
        if columns is None:
            _header(self.lines.path, b"")
        if self.lines.damage:
            self.tally.notes["damaged_archive"] += 1
        return runs

    def _parsed(self, number: int, line: bytes, columns: dict[str, int]) -> tuple[str, _Sample | None]:
        """Return the run's name and the sample; None where the row, counted here, shows no usable cell."""
        if len(line) > MAX_LINE:
            raise _MalformedError(f"longer than {MAX_LINE:,} bytes")
        text = line.decode()
        fields = next(csv.reader([text]), []) if '"' in text else text.split(",")
        if len(fields) != columns[""]:
            raise _MalformedError(f"{len(fields)} columns where the header has {columns['']}")
        name, moment, operator, lac, cell = (fields[columns[column]].strip() for column in COLUMNS)
        if not name:
            raise _MalformedError("no name of a trace")
        ts = _ms(moment)
        if cell in _MISSING or lac in _MISSING or cell == "0":
            self.tally.row("no_cell")
            return name, None
        key = (operator, lac, cell)
        if key not in self._cells:
            self._cells[key] = self._cell(*key)
        if not self._cells[key]:
            self.tally.row("lac_zero")
            return name, None
        return name, _Sample(ts, number, self._cells[key])

    def _cell(self, operator: str, lac: str, cell: str) -> str:
        """Return the cell as MCC-MNC-LAC-CI, decimal; empty where the LAC is 0. Raises for what is no number."""
        area, identity = _number(lac, 16, "LACHEX"), _number(cell, 10, "RAWCELLID")
        known = operator.isascii() and operator.isdigit() and len(operator) in (5, 6)
        plmn = operator if known else self._home_plmn
        return f"{plmn[:3]}-{plmn[3:]}-{area}-{identity}" if area else ""

    def _sightings(self, who: str, run: list[_Sample]) -> Iterator[SourceEvent]:
        before: _Sample | None = None
        shown: _Sample | None = None
        for sample in sorted(run):
            if before and sample.ts == before.ts and sample.cell == before.cell:
                self.tally.row("repeated")
            elif shown and sample.cell == shown.cell and sample.ts < shown.ts + PERIODIC_MS:
                self.tally.row("unchanged")
            else:
                self.tally.row("sighting")
                shown = sample
                yield SourceEvent(who, sample.ts, SIGHTING, sample.cell)
            before = sample


def _header(path: Path, line: bytes) -> dict[str, int]:
    """Return each used column's place, and under the empty name how many columns there are."""
    names = line.decode("utf-8", "replace").strip().split(",")
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        reason = f"no column {', '.join(missing)}"
        mend = f"give a CSV with the columns {', '.join(COLUMNS)}, or choose another --format"
        raise DocumentError([Problem(str(path), "", reason, mend, 1)])
    return {column: names.index(column) for column in COLUMNS} | {"": len(names)}


def _ms(moment: str) -> int:
    try:
        parsed = datetime.strptime(moment, "%Y.%m.%d_%H.%M.%S").replace(tzinfo=UTC)
    except ValueError:
        raise _MalformedError("Timestamp is not of the form 2019.12.16_13.40.04") from None
    return int(parsed.timestamp()) * 1_000


def _number(text: str, base: int, column: str) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise _MalformedError(f"{column} is not a number to base {base}")
    return number


def _subscribers(names: dict[str, list[_Sample]]) -> dict[str, str]:
    """Return a made-up number for each run: +353 85 and 7 digits of a hash of its name, the same in every file."""
    taken: dict[str, str] = {}
    for name in sorted(names):
        salt = 0
        while (number := _number_of(name, salt)) in taken:
            salt += 1
        taken[number] = name
    return {name: number for number, name in taken.items()}


def _number_of(name: str, salt: int) -> str:
    seed = hashlib.sha256(f"{name}#{salt}".encode()).digest()
    return f"35385{int.from_bytes(seed[:8], 'big') % 10**7:07d}"
