"""The matching engine: one subscriber's state, one event, and what fires. Pure; it knows nothing of batches.

A piece of state is the stay of one area. Its life:

    none ──sighting in A──> open ──sighting outside A, power_off──> closed (last change: that event)
                             │└──48 h after it opened─────────────> closed (last change: start + 48 h)
                             └── timers fire at start + T: no change of the piece
    closed ──sighting in A, ts not before the last change──> open again

An event with a `ts` before a piece's last change does not touch that piece.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

from cellwave.domain.campaign import Campaign, Match
from cellwave.domain.holdout import is_held_out
from cellwave.domain.rules import AreaRules, Rules
from cellwave.domain.signalling import POWER_OFF, WINDOW_MS, Event

Member = Callable[[str], bool]
"""Tells by a target list's name whether the subscriber at hand is on it."""


class Firing(NamedTuple):
    """A campaign's trigger fired at stream time `ts` for a subscriber on its list; the gates are to come."""

    campaign: str
    sub: str
    ts: int


class Step(NamedTuple):
    """What one event, or one sweep, did.

    `dues` are the due times (ms) of timers newly set; `changed` says that the state must be written.
    """

    firings: Sequence[Firing]
    dues: Sequence[int]
    changed: bool


NOTHING: Final = Step((), (), False)


@dataclass(slots=True)
class Stay:
    """The stay of one area.

    `changed` is the ts of the last change: the start while it is open, the end afterwards. Timers due up to
    `fired` have fired; it is kept apart because a firing is no change.
    """

    changed: int
    is_open: bool
    fired: int

    @property
    def start(self) -> int | None:
        """The start of the open stay, None while none is open."""
        return self.changed if self.is_open else None

    def close(self, ts: int) -> None:
        """End the stay: `ts` is its last change."""
        self.changed, self.is_open, self.fired = ts, False, ts


@dataclass(slots=True)
class SubscriberState:
    """All pieces of one subscriber, by area. Empty for a subscriber never seen."""

    stays: dict[str, Stay] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to keep."""
        return not self.stays

    @property
    def has_open_stay(self) -> bool:
        """Tell whether an event outside every area could still change something."""
        return any(stay.is_open for stay in self.stays.values())

    def to_wire(self) -> dict[str, list[int]]:
        """Return plain values: `{area: [start, fired - start]}` while a stay is open, `{area: [end]}` after.

        Area names begin with a letter or digit, so further kinds of pieces can take keys that do not.
        """
        return {
            area: [stay.changed, stay.fired - stay.changed] if stay.is_open else [stay.changed]
            for area, stay in self.stays.items()
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Sequence[int]]) -> Self:
        """Return the state that `to_wire` wrote."""
        return cls({area: Stay(piece[0], len(piece) > 1, sum(piece)) for area, piece in wire.items()})

    def prune(self, before: int) -> bool:
        """Drop the pieces that nothing at or after `before` can tell from empty ones; tell whether any went.

        These are the stays that ended, by an event or by the 48 h rule, before `before`. Call `fire_due`
        first: what a dropped stay had not fired is lost.
        """
        past = [area for area, stay in self.stays.items() if _end_at_most(stay) < before]
        for area in past:
            del self.stays[area]
        return bool(past)


def advance(rules: Rules, state: SubscriberState, event: Event, member: Member) -> Step:
    """Take one event of the state's subscriber, in the order of arrival, and return what it did.

    A sighting (any event but `power_off` that bears a cell) and a `power_off` touch stays; nothing else does.
    Timers due by the event's `ts` fire first, then the event counts. `member` is asked only where it matters.
    """
    cell = event.sighting_cell
    if not cell and event.type != POWER_OFF:
        return NOTHING
    inside = rules.areas_at(cell)
    if not inside and not state.stays:
        return NOTHING
    firings: list[Firing] = []
    dues: list[int] = []
    changed = _drop_unneeded(rules, state)
    for area, stay in state.stays.items():
        if stay.is_open and event.ts >= stay.changed:
            changed |= _pass(rules.areas[area], stay, event.sub, event.ts, member, firings)
            if stay.is_open and area not in inside:
                stay.close(event.ts)
                changed = True
    for area in inside:
        if _open(rules.areas[area], state, area, event.ts, member):
            _enter(rules.areas[area], event, member, firings, dues)
            changed = True
    return Step(firings, dues, changed) if changed else NOTHING


def fire_due(rules: Rules, state: SubscriberState, sub: str, now: int, member: Member) -> Step:
    """Fire the timers due by stream time `now`, for phones that stay silent.

    It ends nothing but what the 48 h rule ends; an event that arrives later does not undo it.
    """
    firings: list[Firing] = []
    changed = _drop_unneeded(rules, state)
    for area, stay in state.stays.items():
        if stay.is_open:
            changed |= _pass(rules.areas[area], stay, sub, now, member, firings)
    return Step(firings, (), changed) if changed else NOTHING


def pending_dues(rules: Rules, state: SubscriberState, member: Member) -> list[int]:
    """Return the due times of all timers that have not fired.

    For a due index that must learn of timers which no event sets: those of a campaign published while a stay
    was open already.
    """
    return sorted(
        stay.changed + after
        for area, stay in state.stays.items()
        if stay.is_open and area in rules.areas
        for after, campaign in rules.areas[area].dwelled
        if stay.changed + after > stay.fired and member(campaign.target_list)
    )


def gate(campaign: Campaign, firing: Firing) -> Match | None:
    """Return the match that a firing is, held out or not; None outside the campaign's dates or publication.

    The caller keeps the times of earlier matches and asks `campaign.may_enter_again`; a held-out match starts
    a re-entry period like any other, a firing that this gate stops starts none.
    """
    if not campaign.is_running(firing.ts):
        return None
    held_out = is_held_out(campaign.holdout_group, firing.sub, campaign.holdout_percent)
    return Match(campaign.name, firing.sub, firing.ts, held_out)


def _end_at_most(stay: Stay) -> int:
    return stay.changed + WINDOW_MS if stay.is_open else stay.changed


def _drop_unneeded(rules: Rules, state: SubscriberState) -> bool:
    """Drop the pieces of areas that no campaign needs (any more): needed again, they start empty."""
    unneeded = [area for area in state.stays if area not in rules.areas]
    for area in unneeded:
        del state.stays[area]
    return bool(unneeded)


def _pass(needs: AreaRules, stay: Stay, sub: str, ts: int, member: Member, firings: list[Firing]) -> bool:
    """Let an open stay see that `ts` has come: fire its timers, then end it if 48 h are over."""
    changed = False
    start, fired = stay.changed, stay.fired
    for after, campaign in needs.dwelled:
        due = start + after
        if due > ts:
            break
        if due > fired and member(campaign.target_list):
            firings.append(Firing(campaign.name, sub, due))
            stay.fired = due
            changed = True
    if ts >= start + WINDOW_MS:
        stay.close(start + WINDOW_MS)
        changed = True
    return changed


def _open(needs: AreaRules, state: SubscriberState, area: str, ts: int, member: Member) -> bool:
    """Open a stay at a sighting in the area, for a subscriber on a list of it, while none is open."""
    stay = state.stays.get(area)
    if stay is not None and (stay.is_open or ts < stay.changed):
        return False
    if not any(map(member, needs.lists)):
        return False
    state.stays[area] = Stay(ts, True, ts)
    return True


def _enter(needs: AreaRules, event: Event, member: Member, firings: list[Firing], dues: list[int]) -> None:
    """Fire what waits for the stay to open, and set the timers of what waits for it to last."""
    firings.extend(Firing(c.name, event.sub, event.ts) for c in needs.entered if member(c.target_list))
    dues.extend(event.ts + after for after, campaign in needs.dwelled if member(campaign.target_list))
