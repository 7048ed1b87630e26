"""A small town, made up whole: who lives there, where they go, what their phones report.

Everything follows from the seed: the same seed, size and start make the same bytes. Numbers begin with 999, which
no country has; the network is 001-01, kept for tests; handsets have type codes of the test range.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

PLMN: Final = "001-01"
HANDSETS: Final = (
    ("00100101", "Alder", "One"),
    ("00100102", "Alder", "Two Max"),
    ("00100203", "Birch", "Flip 4"),
    ("00100204", "Birch", "Fold 2"),
    ("00100305", "Cedar", "C9"),
    ("00100406", "Damson", "Keypad 101"),
)

_AREAS: Final = {
    "mall": (40101, 4),
    "station": (40101, 3),
    "stadium": (40101, 3),
    "old-town": (40101, 6),
    "business-park": (40102, 5),
    "hospital": (40102, 2),
}
_HOMES: Final = (40103, 40)
_STREETS: Final = (40104, 30)


@dataclass(frozen=True, slots=True)
class Town:
    """The town's cells: `areas` by name, the cells of homes, and those of streets between all places."""

    areas: Mapping[str, tuple[str, ...]]
    homes: tuple[str, ...]
    streets: tuple[str, ...]

    @classmethod
    def laid_out(cls) -> "Town":
        """Return the one town that there is."""
        areas: dict[str, tuple[str, ...]] = {}
        first = 1_001
        for name, (lac, count) in _AREAS.items():
            areas[name] = _cells(lac, first, count)
            first += 100
        return cls(areas, _cells(_HOMES[0], 10_001, _HOMES[1]), _cells(_STREETS[0], 20_001, _STREETS[1]))


@dataclass(frozen=True, slots=True)
class Inhabitant:
    """Someone with a phone. `silent` phones report nothing while they stay where they are."""

    index: int
    kind: str
    msisdn: str = field(repr=False)
    imei: str = field(repr=False)
    home: str
    work: tuple[str, ...]
    silent: bool


@dataclass(frozen=True, slots=True)
class Move:
    """A stay from `arrival` to `departure` (stream ms) within some cells."""

    arrival: int
    departure: int
    cells: tuple[str, ...]


TownEvent = tuple[int, str, str]
"""Time, type and cell (empty where none is borne) of an inhabitant's event."""

_KINDS: Final = ("commuter", "local", "visitor", "night_worker", "homebody")
_SHARES: Final = (45, 25, 12, 6, 12)


def inhabitant(town: Town, seed: int, index: int) -> Inhabitant:
    """Return the inhabitant of an index: nobody else needs to be made for it."""
    rng = random.Random(f"{seed}/who/{index}")  # noqa: S311
    kind = rng.choices(_KINDS, _SHARES)[0]
    tac = rng.choices(HANDSETS, (30, 22, 18, 12, 12, 6))[0][0]
    works = [town.areas[name] for name in ("business-park", "hospital", "old-town", "mall")]
    return Inhabitant(
        index,
        kind,
        f"99985{index:07d}",
        with_check_digit(f"{tac}{rng.randrange(10**6):06d}"),
        rng.choice(town.homes),
        rng.choices(works, (55, 15, 20, 10))[0],
        rng.random() < 0.15,
    )


def with_check_digit(imei14: str) -> str:
    """Return the 15 digits of an IMEI from its first 14: the last one makes Luhn's sum a multiple of ten."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(imei14)]
    return imei14 + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def day_of(town: Town, seed: int, who: Inhabitant, day: int, start: int) -> Iterator[TownEvent]:
    """Yield what an inhabitant's phone reports on a day (from 0) that begins at `start` (stream ms), in order."""
    rng = random.Random(f"{seed}/day/{who.index}/{day}")  # noqa: S311
    moves = _plan(town, who, rng, start)
    on_at = moves[0].arrival
    if who.kind == "visitor" or rng.random() < 0.15:
        yield on_at, "power_on", rng.choice(moves[0].cells)
    off = who.kind == "visitor" or rng.random() < 0.1
    for number, move in enumerate(moves):
        if number:
            yield from _way(town, rng, moves[number - 1].departure, move.arrival)
        if off and number == len(moves) // 2 and rng.random() < 0.3:
            gone = min(move.departure, move.arrival + rng.randrange(4, 40) * MINUTE_MS)
            yield from _stay(who, rng, Move(move.arrival, gone, move.cells))
            yield gone, "power_off", rng.choice(move.cells)
            return
        yield from _stay(who, rng, move)
    if off:
        yield moves[-1].departure, "power_off", rng.choice(moves[-1].cells)


def _plan(town: Town, who: Inhabitant, rng: random.Random, start: int) -> list[Move]:
    """Return the stays of a day, with time to walk or ride between them."""
    end = start + DAY_MS - MINUTE_MS
    home = (who.home,)
    at = start + rng.randrange(MINUTE_MS)
    stops: list[tuple[tuple[str, ...], float, float]] = []  # cells, from and to in hours of the day
    if who.kind == "commuter":
        leave = rng.gauss(7.8, 0.7)
        if rng.random() < 0.5:
            stops.append((town.areas["station"], leave, leave + rng.uniform(0.1, 0.5)))
        stops.append((who.work, leave + 0.8, rng.gauss(17.0, 0.6)))
        stops += _evening(town, rng, 17.8, 0.35)
    elif who.kind == "visitor":
        arrival = rng.uniform(8.5, 14)
        stops.append((town.areas["station"], arrival, arrival + 0.3))
        stops.append((town.areas["mall"], arrival + 0.6, arrival + rng.uniform(0.8, 3)))
        stops.append((town.areas["old-town"], arrival + 3.3, arrival + 5))
        stops.append((town.areas["station"], arrival + 5.5, arrival + 5.9))
        return _timed(stops, start, end, None)
    elif who.kind == "night_worker":
        stops.append((who.work, 0.1, rng.gauss(6.5, 0.3)))
        stops += _evening(town, rng, 15.0, 0.4)
    elif who.kind == "local":
        first = rng.uniform(9, 12)
        stops.append((town.areas["old-town"], first, first + rng.uniform(0.3, 1.5)))
        stops += _evening(town, rng, first + 2.5, 0.6)
    elif rng.random() < 0.2:
        stops += _evening(town, rng, rng.uniform(11, 16), 1.0)
    return _timed(stops, start, end, Move(at, end, home))


def _evening(
    town: Town, rng: random.Random, from_hour: float, chance: float
) -> list[tuple[tuple[str, ...], float, float]]:
    """Return an errand in the mall, perhaps short of 20 minutes, and a match in the stadium, each by chance."""
    stops: list[tuple[tuple[str, ...], float, float]] = []
    if rng.random() < chance:
        stops.append((town.areas["mall"], from_hour, from_hour + rng.choice((0.1, 0.2, 0.3, 0.4, 0.7, 1.2, 2.0))))
    if rng.random() < chance / 4:
        stops.append((town.areas["stadium"], max(from_hour + 2.5, 19.2), max(from_hour + 2.5, 19.2) + 2))
    return stops


def _timed(stops: list[tuple[tuple[str, ...], float, float]], start: int, end: int, home: Move | None) -> list[Move]:
    """Return the stays that fit into the day one after another, home around and after them where there is one."""
    moves: list[Move] = []
    free = home.arrival if home else start
    for cells, since, until in stops:
        arrival = max(start + int(since * HOUR_MS), free + 6 * MINUTE_MS)
        departure = start + int(until * HOUR_MS)
        if departure <= arrival or departure >= end - 30 * MINUTE_MS:
            continue
        if home and not moves and arrival - free > 20 * MINUTE_MS:
            moves.append(Move(free, arrival - 15 * MINUTE_MS, home.cells))
        moves.append(Move(arrival, departure, cells))
        free = departure
    if home:
        back = free + 20 * MINUTE_MS if moves else free
        moves.append(Move(back, end, home.cells))
    return moves


def _way(town: Town, rng: random.Random, since: int, until: int) -> Iterator[TownEvent]:
    """Yield the cells of the streets on the way from one stay to the next."""
    if until - since < 2 * MINUTE_MS:
        return
    passed = sorted(rng.sample(range(since + 20_000, until - 10_000, 1_000), k=min(rng.randrange(1, 5), 5)))
    for moment in passed:
        yield moment, "sighting", rng.choice(town.streets)


def _stay(who: Inhabitant, rng: random.Random, move: Move) -> Iterator[TownEvent]:
    """Yield what a phone reports in a stay: changes of cell within it, the hourly update, calls and texts."""
    cell = rng.choice(move.cells)
    at = move.arrival
    yield at, "sighting", cell
    while not who.silent:
        at += int(min(rng.expovariate(1 / 50), 55) * MINUTE_MS) + 30_000
        if at >= move.departure:
            return
        kind = rng.choices(("sighting", "call_out", "call_in", "sms_out", "sms_in", "web"), (64, 6, 6, 6, 8, 10))[0]
        if kind == "sighting" and rng.random() < 0.4:
            cell = rng.choice(move.cells)
        yield at, kind, cell


def _cells(lac: int, first: int, count: int) -> tuple[str, ...]:
    return tuple(f"{PLMN}-{lac}-{first + n}" for n in range(count))
