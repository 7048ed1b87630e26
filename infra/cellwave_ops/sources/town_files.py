"""The town as a folder of files: events in the order of time, subscribers, target lists, example documents."""

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import zstandard

from cellwave_ops.sources.examples import DWELL_LIST, ENTRY_LIST, write_examples
from cellwave_ops.sources.town import DAY_MS, HANDSETS, Inhabitant, Town, TownEvent, day_of, inhabitant

FIRST_DAY_MS: Final = 1_793_577_600_000  # Monday, 2 November 2026, 00:00 UTC
LISTED: Final = {DWELL_LIST: 0.4, ENTRY_LIST: 0.25}

_SLICE_MS: Final = 15 * 60_000
_LINES_IN_MEMORY: Final = 400_000
_TS_WIDTH: Final = 13


@dataclass(frozen=True, slots=True)
class TownPlan:
    """What to make: how many people, days and from when (`start_ms`); `noise` adds what real feeds bring along."""

    folder: Path
    people: int = 2_000
    days: int = 1
    seed: int = 1
    noise: bool = False
    start_ms: int = FIRST_DAY_MS


@dataclass(frozen=True, slots=True)
class TownResult:
    """What was made; `listed` by list. With noise, lines are more than events."""

    people: int
    events: int
    lines: int
    repeated: int
    disordered: int
    malformed: int
    listed: dict[str, int]


def make_town(plan: TownPlan, on_progress: Callable[[float], None] = lambda fraction: None) -> TownResult:
    """Write the town's folder; the same plan writes the same bytes. Memory does not grow with the town."""
    town = Town.laid_out()
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_examples(plan.folder, town.areas, "mall", ["station"])
    (plan.folder / "README.txt").write_text(_readme(plan), encoding="utf-8")
    tacs = "".join(f"{tac},{maker},{model}\n" for tac, maker, model in HANDSETS)
    (plan.folder / "tac.csv").write_text("tac,maker,model\n" + tacs, encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="cellwave-town-") as spool:
        sorter = _Sorter(Path(spool))
        listed = _people(plan, town, sorter, on_progress)
        noise = _Noise(random.Random(f"{plan.seed}/noise") if plan.noise else None)  # noqa: S311
        with (
            (plan.folder / "events.jsonl.zst").open("wb") as file,
            zstandard.ZstdCompressor(level=6).stream_writer(file) as out,
        ):
            for line in noise.added_to(sorter.lines()):
                out.write(line)
    lines = sorter.count + noise.repeated + noise.malformed
    return TownResult(plan.people, sorter.count, lines, noise.repeated, noise.disordered, noise.malformed, listed)


def _people(plan: TownPlan, town: Town, sorter: "_Sorter", on_progress: Callable[[float], None]) -> dict[str, int]:
    """Write subscribers and lists, and hand every event to the sorter; return how many each list holds."""
    listed = dict.fromkeys(LISTED, 0)
    (plan.folder / "lists").mkdir(exist_ok=True)
    with ExitStack() as stack:
        people = stack.enter_context((plan.folder / "subscribers.csv").open("w", encoding="utf-8", newline="\n"))
        people.write("msisdn,imei,tac,kind,home_cell\n")
        lists = {}
        for name in LISTED:
            path = plan.folder / "lists" / f"{name}.csv"
            lists[name] = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
            lists[name].write("sub\n")
        for index in range(plan.people):
            who = inhabitant(town, plan.seed, index)
            people.write(f"{who.msisdn},{who.imei},{who.imei[:8]},{who.kind},{who.home}\n")
            rng = random.Random(f"{plan.seed}/listed/{index}")  # noqa: S311
            for name, share in LISTED.items():
                if rng.random() < share:
                    lists[name].write(f"{who.msisdn}\n")
                    listed[name] += 1
            for day in range(plan.days):
                for event in day_of(town, plan.seed, who, day, plan.start_ms + day * DAY_MS):
                    sorter.add(event[0], _line(who, event))
            if index % 100 == 0:
                on_progress(index / plan.people)
    return listed


def _line(who: Inhabitant, event: TownEvent) -> str:
    ts, kind, cell = event
    imei = f',"imei":"{who.imei}"' if kind == "power_on" else ""
    return f'{{"sub":"{who.msisdn}","ts":{ts},"type":"{kind}","cell":"{cell}"{imei}}}'


class _Sorter:
    """Sorts lines by time: slices of a quarter of an hour, put aside on disk when many, sorted one by one."""

    def __init__(self, spool: Path):
        self.count = 0
        self._spool = spool
        self._slices: dict[int, list[str]] = {}
        self._spooled: set[int] = set()
        self._held = 0

    def add(self, ts: int, line: str) -> None:
        """Take in a line; those of equal time keep the order in which they came."""
        self._slices.setdefault(ts // _SLICE_MS, []).append(f"{ts:0{_TS_WIDTH}d}{line}")
        self.count += 1
        self._held += 1
        if self._held >= _LINES_IN_MEMORY:
            self._put_aside()

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield time and line, in the order of time."""
        for number in sorted(self._spooled | self._slices.keys()):
            lines = self._slices.pop(number, [])
            if number in self._spooled:
                lines = self._file(number).read_text(encoding="ascii").splitlines() + lines
            lines.sort(key=_time_of)
            yield from ((int(line[:_TS_WIDTH]), line[_TS_WIDTH:]) for line in lines)

    def _put_aside(self) -> None:
        for number, lines in self._slices.items():
            with self._file(number).open("a", encoding="ascii") as file:
                file.write("\n".join(lines) + "\n")
        self._spooled |= self._slices.keys()
        self._slices.clear()
        self._held = 0

    def _file(self, number: int) -> Path:
        return self._spool / str(number)


def _time_of(line: str) -> str:
    return line[:_TS_WIDTH]


class _Noise:
    """What real feeds bring along: lines again, lines some seconds late, lines that are broken.

    Broken lines come on top: every true event is still there, so that what matches does not depend on them.
    """

    def __init__(self, rng: random.Random | None):
        self.repeated = 0
        self.disordered = 0
        self.malformed = 0
        self._rng = rng
        self._held: list[tuple[int, bytes]] = []

    def added_to(self, lines: Iterable[tuple[int, str]]) -> Iterator[bytes]:
        """Yield the lines, their ends included, with noise where a generator of chance was given."""
        for ts, text in lines:
            line = text.encode() + b"\n"
            if self._rng is None:
                yield line
            else:
                yield from self._released(ts)
                yield from self._disturbed(self._rng, ts, line)
        yield from (line for _, line in self._held)

    def _released(self, ts: int) -> Iterator[bytes]:
        if self._held and min(until for until, _ in self._held) <= ts:
            yield from (line for until, line in self._held if until <= ts)
            self._held = [(until, line) for until, line in self._held if until > ts]

    def _disturbed(self, rng: random.Random, ts: int, line: bytes) -> Iterator[bytes]:
        chance = rng.random()
        if chance < 0.005:
            self.disordered += 1
            self._held.append((ts + rng.randrange(1_000, 20_000), line))
            return
        yield line
        if chance < 0.010:
            self.repeated += 1
            yield line
        elif chance < 0.012:
            self.malformed += 1
            yield _broken(rng, ts, line)


def _broken(rng: random.Random, ts: int, line: bytes) -> bytes:
    """Return a line that is no event, one of many kinds."""
    return rng.choice(
        (
            line[: len(line) // 2] + b"\n",
            b'{"ts":%d,"type":"sighting","cell":"001-01-40101-1001"}\n' % ts,
            b'{"sub":"0850000001","ts":%d,"type":"power_on"}\n' % ts,
            b'{"sub":"999850000001","ts":"%d","type":"power_on"}\n' % ts,
            b'{"sub":"999850000001","ts":-1,"type":"power_on"}\n',
            b'{"sub":"999850000001","ts":%d,"type":"teleported"}\n' % ts,
            b'{"sub":"999850000001","ts":%d,"type":"sighting"}\n' % ts,
            b'["999850000001",%d]\n' % ts,
            b"\xff\xfe not text at all\n",
        )
    )


def _readme(plan: TownPlan) -> str:
    first = datetime.fromtimestamp(plan.start_ms / 1_000, UTC).isoformat()
    return (
        f"A made-up town of {plan.people:,} people, {plan.days} day(s) from {first}, seed {plan.seed}"
        f"{', with noise' if plan.noise else ''}.\n\n"
        "events.jsonl.zst   what the phones report, one JSON object a line, in the order of time\n"
        "subscribers.csv    who lives here: number, IMEI, TAC, kind of day, home cell\n"
        "tac.csv            maker and model by TAC\n"
        "areas.json         named sets of cells\n"
        "lists/             target lists\n"
        "campaigns/, flows/, scripts.json   examples that fit the town\n\n"
        "Nobody here exists: numbers begin with 999, which is no country; the network 001-01 is kept for tests.\n\n"
        "  cellwave match --campaigns campaigns --areas areas.json --lists lists --events events.jsonl.zst"
        " --out matches.jsonl\n"
        "  cellwave replay events.jsonl.zst --rebase now --speed 3600\n"
    )
