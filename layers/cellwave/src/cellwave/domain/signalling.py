"""Signalling as it is matched: events, and the records that carry them."""

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

LATE_AFTER_MS: Final = 600_000
AHEAD_AFTER_MS: Final = 60_000
WINDOW_MS: Final = 48 * 3_600_000

EventType = Literal[
    "sighting",
    "power_off",
    "power_on",
    "call_out",
    "call_in",
    "sms_out",
    "sms_in",
    "web",
    "forward_set",
    "forward_cleared",
    "device",
    "roam",
]
EVENT_TYPES: Final = frozenset[str](get_args(EventType))
SIGHTING: Final = "sighting"
POWER_OFF: Final = "power_off"


@dataclass(frozen=True, slots=True)
class Event:
    """One signalling event of one subscriber.

    `ts` is the event time in milliseconds since the epoch. Fields that the event does not bear are empty.
    `sub` is a pseudonym everywhere inside; only `cellwave match` over a file takes subscribers as they come.
    """

    sub: str
    ts: int
    type: str
    cell: str = ""
    tac: str = ""
    device: str = ""
    plmn: str = ""

    @property
    def sighting_cell(self) -> str:
        """The cell in which this event shows the subscriber; empty where it shows none.

        Any event but `power_off` that bears a cell also is a sighting.
        """
        return "" if self.type == POWER_OFF else self.cell


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event (or a whole record, `index` -1) that cannot be used; `content` is its shape, nothing of what it says."""

    index: int
    reason: str
    content: str


@dataclass(frozen=True, slots=True)
class Record:
    """What one stream record carries.

    `producer` and `number` tell a record sent again (empty and 0 where the producer keeps no count); `clock` is
    the producer's stream time in ms, None where the record bears none; `tick` says that stream time has reached
    `clock` in this lane. `position` is the stream's own sequence number, as an integer. `lane` is -1 for a record
    that cannot be read at all; `rejected` then says why.
    """

    position: int
    lane: int
    producer: str = ""
    number: int = 0
    clock: int | None = None
    tick: bool = False
    events: tuple[Event, ...] = ()
    rejected: tuple[Rejected, ...] = field(default=())


def timeliness(ts: int, clock: int | None) -> str:
    """Return `late`, `ahead` or `due` for an event time against its record's clock (both ms)."""
    if clock is None:
        return "due"
    if ts < clock - LATE_AFTER_MS:
        return "late"
    return "ahead" if ts > clock + AHEAD_AFTER_MS else "due"
