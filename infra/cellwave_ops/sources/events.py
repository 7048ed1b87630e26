"""What every source yields, and the account that it keeps of what it read."""

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from cellwave.contracts.outline import outline
from cellwave.domain.errors import Problem
from cellwave.domain.identifiers import is_pseudonym
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave.domain.signalling import Event


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """One event as a source reports it, before anything personal is taken from it.

    `who` is a canonical MSISDN or already a pseudonym; `ts` is event time in ms since the epoch. A source bears
    an IMEI or what ingest has made of one (`tac`, `device`), not both. Who and which phone is never shown.
    """

    who: str = field(repr=False)
    ts: int
    type: str
    cell: str = ""
    imei: str = field(default="", repr=False)
    plmn: str = ""
    tac: str = ""
    device: str = ""

    def minimised(self, keys: Pseudonymizer) -> Event:
        """Return the event as it may be sent: a pseudonym for the number, TAC and keyed hash for the IMEI."""
        sub = _sub_of(keys, self.who)
        if self.imei:
            return keys.minimise(sub, self.ts, self.type, cell=self.cell, imei=self.imei, plmn=self.plmn)
        return Event(sub, self.ts, self.type, self.cell, self.tac, self.device, self.plmn)


@lru_cache(maxsize=1 << 16)
def _sub_of(keys: Pseudonymizer, who: str) -> str:
    return who if is_pseudonym(who) else keys.of(who)


@dataclass(slots=True)
class Tally:
    """What became of a source's rows: each row has one fate, so that the fates add up to the rows.

    `notes` count what was noticed besides (a row out of order is still used).
    """

    rows: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def row(self, fate: str) -> None:
        """Count a row with what became of it."""
        self.rows += 1
        self.fates[fate] += 1


class Quarantine:
    """The file of lines that could not be used: place, reason, mend and shape of each. Made at the first one."""

    def __init__(self, path: Path):
        self.path = path
        self.lines = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "Quarantine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def add(self, problem: Problem, content: bytes) -> None:
        """Keep one line with its problem."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb")
        self.lines += 1
        document = {
            "source": problem.source,
            "line": problem.line,
            "path": problem.path,
            "reason": problem.reason,
            "mend": problem.mend,
            "content": outline(content),
        }
        self._file.write(msgspec.json.encode(document) + b"\n")
