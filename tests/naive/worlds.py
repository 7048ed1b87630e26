"""Random small worlds for properties: campaigns, areas, lists and the events of a few subscribers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from cellwave.contracts.documents import parse_campaigns
from cellwave.domain.rules import Rules
from cellwave.domain.signalling import EVENT_TYPES, Event

MINUTE = 60_000
HOUR = 60 * MINUTE
BEGIN = 1_760_000_000_000

AREAS = {
    "mall": ("c1", "c2"),
    "station": ("c2", "c3"),
    "airport": ("c4",),
    "nobodys": ("c5",),
}
USED_AREAS = ("mall", "mall", "station", "airport")
SUBS = ("anna", "bela")
LISTS = ("red", "blue")

# Few values, close to the boundaries that the semantics draw: equal times, exact dues and 48 h to the millisecond.
GAPS = (0, 0, 1, 10 * MINUTE - 1, 10 * MINUTE, HOUR - 1, HOUR, 24 * HOUR, 48 * HOUR - 1, 48 * HOUR, 48 * HOUR + 1)
DWELLS = (1, 10, 60, 24 * 60, 2879, 2880)

# Mostly sightings, and mostly in and around two areas that share a cell.
MESSAGES = (
    *({"type": "sighting", "cell": cell} for cell in ("c1", "c1", "c2", "c2", "c3", "c4", "c5", "c6", "c6")),
    *({"type": type, "cell": "c1"} for type in sorted(EVENT_TYPES)),
    *({"type": type} for type in ("power_off", "power_off", "web", "call_in")),
)


@dataclass(frozen=True)
class World:
    """What is published, who is on which list, and what arrives."""

    campaigns: list[dict[str, Any]]
    lists: dict[str, frozenset[str]]
    published: dict[str, int]
    events: list[dict[str, Any]]

    @property
    def rules(self) -> Rules:
        """The engine's index, made of the documents as a marketer would hand them in."""
        parsed = parse_campaigns(json.dumps(self.campaigns), "campaigns.json")
        counting = [replace(c, counts_from=self.published.get(c.name)) for c in parsed]
        return Rules.compile(counting, AREAS)

    @property
    def domain_events(self) -> list[Event]:
        """The events for the engine."""
        return [to_event(event) for event in self.events]


def to_event(event: Mapping[str, Any]) -> Event:
    """Return the engine's event of a file's."""
    return Event(event["sub"], event["ts"], event["type"], event.get("cell", ""))


def iso(ts: int) -> str:
    """Return stream time as a document's date."""
    return datetime.fromtimestamp(ts // 1000, UTC).isoformat()


TRIGGERS = st.one_of(
    st.builds(lambda area: {"kind": "area_entered", "area": area}, st.sampled_from(USED_AREAS)),
    st.builds(
        lambda area, minutes: {"kind": "area_dwelled", "area": area, "minutes": minutes},
        st.sampled_from(USED_AREAS),
        st.sampled_from(DWELLS),
    ),
)


@st.composite
def campaigns(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Draw a campaign document; dates are whole seconds."""
    document: dict[str, Any] = {
        "campaign": name,
        "product": draw(st.sampled_from(["tone", "data"])),
        "offer": "half-price",
        "targets": {"list": draw(st.sampled_from(LISTS))},
        "trigger": draw(TRIGGERS),
        "respond_within_hours": 24,
        "flow": "one",
        "reentry": draw(st.sampled_from(["once", {"hours": 1}, {"hours": 24}])),
        "holdout_percent": draw(st.sampled_from([0, 33.33, 50, 100])),
    }
    if draw(st.booleans()):
        document["holdout_group"] = "everyone"
    starts = BEGIN + draw(st.integers(0, 72)) * HOUR
    if draw(st.integers(0, 3)) == 0:
        document["from"] = iso(starts)
    if draw(st.integers(0, 3)) == 0:
        document["until"] = iso(starts + draw(st.integers(1, 72)) * HOUR)
    return document


@st.composite
def events(draw: st.DrawFn, disorder: bool) -> list[dict[str, Any]]:
    """Draw the events of all subscribers in the order of arrival, with repeats and, if asked for, disorder."""
    ts = BEGIN
    found: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 25))):
        ts += draw(st.sampled_from(GAPS))
        back = draw(st.sampled_from((0, 0, *GAPS))) if disorder else 0
        event = draw(st.sampled_from(MESSAGES))
        found.append({"sub": draw(st.sampled_from(SUBS)), "ts": ts - back, **event})
        if draw(st.integers(0, 5)) == 0:
            found.append(found[draw(st.integers(0, len(found) - 1))] if disorder else found[-1])
    return found


@st.composite
def worlds(draw: st.DrawFn, disorder: bool = True) -> World:
    """Draw a world."""
    names = [f"campaign-{number}" for number in range(draw(st.integers(1, 5)))]
    return World(
        campaigns=[draw(campaigns(name)) for name in names],
        lists={name: frozenset(draw(st.sampled_from(((), SUBS[:1], SUBS, SUBS)))) for name in LISTS},
        published={name: BEGIN + HOUR * draw(st.integers(0, 72)) for name in names if draw(st.integers(0, 3)) == 0},
        events=draw(events(disorder)),
    )
