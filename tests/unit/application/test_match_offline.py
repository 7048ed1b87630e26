"""The offline use case against a second implementation, and what only a whole file shows."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.naive.matcher import naive_matches
from tests.naive.worlds import AREAS, BEGIN, HOUR, MINUTE, SUBS, World, worlds

from cellwave.application.match_offline import match_events
from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign, Match, Trigger
from cellwave.domain.engine import Firing, Member, SubscriberState, advance, fire_due, gate
from cellwave.domain.rules import Rules
from cellwave.domain.signalling import Event


def as_tuples(matches: list[Match]) -> list[tuple[int, str, str, bool]]:
    return [(found.trigger_ts, found.sub, found.campaign, found.held_out) for found in matches]


class PieceByPiece:
    """Matches as a deployed matcher would: state goes to the wire and back between events, ticks sweep in between."""

    def __init__(self, world: World):
        self.rules = world.rules
        self.lists = world.lists
        self.stored: dict[str, dict[str, list[int]]] = {}
        self.last: dict[tuple[str, str], int] = {}
        self.found: list[Match] = []

    def take(self, event: Event, always_store: bool) -> None:
        state = SubscriberState.from_wire(self.stored.get(event.sub, {}))
        step = advance(self.rules, state, event, self.member_of(event.sub))
        self.admit(step.firings)
        if step.changed or always_store:
            self.stored[event.sub] = state.to_wire()

    def sweep(self, now: int) -> None:
        for sub, wire in self.stored.items():
            state = SubscriberState.from_wire(wire)
            step = fire_due(self.rules, state, sub, now, self.member_of(sub))
            self.admit(step.firings)
            if step.changed:
                self.stored[sub] = state.to_wire()

    def admit(self, firings: Sequence[Firing]) -> None:
        for firing in firings:
            campaign = self.rules.campaigns[firing.campaign]
            match = gate(campaign, firing)
            if match and campaign.may_enter_again(firing.ts, self.last.get(firing[:2])):
                self.last[firing[:2]] = firing.ts
                self.found.append(match)

    def member_of(self, sub: str) -> Member:
        return lambda name: sub in self.lists[name]


def matches_in_pieces(world: World, cuts: list[int], sweeps: bool) -> list[tuple[int, str, str, bool]]:
    run = PieceByPiece(world)
    events = world.domain_events
    for number, event in enumerate(events):
        if sweeps and number in cuts and number:
            run.sweep((events[number - 1].ts + event.ts) // 2)
            run.sweep(event.ts)
        run.take(event, always_store=number in cuts)
    run.sweep(max((event.ts for event in events), default=0))
    return sorted(as_tuples(run.found))


@settings(max_examples=1000, deadline=None)
@given(worlds())
def test_two_implementations_agree_event_for_event(world):
    """The design: two implementations must agree, with disorder, repeats, equal times and 48 h boundaries."""
    found = match_events(world.rules, world.lists, world.domain_events)

    assert as_tuples(found) == naive_matches(world.campaigns, AREAS, world.lists, world.events, world.published)


@settings(max_examples=400, deadline=None)
@given(worlds(), st.lists(st.integers(0, 30)))
def test_how_events_are_batched_changes_nothing(world, cuts):
    """Events of a subscriber are taken in the order of arrival; how they are batched changes nothing."""
    whole = match_events(world.rules, world.lists, world.domain_events)

    assert matches_in_pieces(world, cuts, sweeps=False) == as_tuples(whole)


@settings(max_examples=400, deadline=None)
@given(worlds(disorder=False), st.lists(st.integers(0, 30)))
def test_sweeps_between_events_that_come_in_order_change_nothing(world, cuts):
    """Deployed and offline agree on every input in which nothing arrives after the sweep that would stop it."""
    whole = match_events(world.rules, world.lists, world.domain_events)

    assert matches_in_pieces(world, cuts, sweeps=True) == as_tuples(whole)


@settings(max_examples=300, deadline=None)
@given(worlds(disorder=False))
def test_pruning_what_no_event_in_order_can_reach_changes_nothing(world):
    rules = world.rules
    for sub in SUBS:

        def member(name, sub=sub):
            return sub in world.lists[name]

        kept, pruned = SubscriberState(), SubscriberState()
        for event in (event for event in world.domain_events if event.sub == sub):
            for state in (kept, pruned):
                fire_due(rules, state, sub, event.ts, member)
            pruned.prune(event.ts)
            whole = advance(rules, kept, event, member)
            assert advance(rules, pruned, event, member)[:2] == whole[:2]


def campaign(name: str = "tone", trigger: Trigger | None = None, **changes) -> Campaign:
    given = {"product": "tone", "offer": "o", "target_list": "red", "respond_within_hours": 24, "flow": "f"}
    chosen = trigger or AreaEntered("mall")
    return Campaign(**{"name": name, "trigger": chosen, "holdout_group": "tone", **given, **changes})


def sightings(sub: str, *times_and_cells: tuple[int, str]) -> list[Event]:
    return [Event(sub, BEGIN + ts, "sighting", cell) for ts, cell in times_and_cells]


def run(campaigns: list[Campaign], events: list[Event]) -> list[Match]:
    return match_events(Rules.compile(campaigns, AREAS), {"red": {"anna", "bela"}}, events)


def test_matches_come_in_the_order_of_trigger_time_subscriber_and_campaign():
    found = run(
        [campaign("b"), campaign("a"), campaign("c", AreaDwelled("mall", 1))],
        [*sightings("bela", (MINUTE, "c1")), *sightings("anna", (MINUTE, "c1"), (0, "c1"), (2 * MINUTE, "c1"))],
    )

    assert [(m.trigger_ts - BEGIN, m.sub, m.campaign) for m in found] == [
        (MINUTE, "anna", "a"),
        (MINUTE, "anna", "b"),
        (MINUTE, "bela", "a"),
        (MINUTE, "bela", "b"),
        (2 * MINUTE, "anna", "c"),
        (2 * MINUTE, "bela", "c"),
    ]


@pytest.mark.parametrize(("greatest", "fires"), [(20 * MINUTE - 1, False), (20 * MINUTE, True)])
def test_the_end_of_a_file_fires_what_is_due_by_the_greatest_ts_of_all_events(greatest, fires):
    """At the end if due by the greatest `ts` of all events: of others too, of any type, wherever it stands."""
    stranger = Event("zoe", BEGIN + greatest, "web")

    found = run([campaign(trigger=AreaDwelled("mall", 20))], [stranger, *sightings("anna", (0, "c1"))])

    assert bool(found) == fires


def test_an_event_that_touches_no_stay_fires_no_timer_before_the_end_of_the_file():
    """A timer fires when an event that touches its piece comes at or after the due time: a `web` does not."""
    events = [
        *sightings("anna", (0, "c1")),
        Event("anna", BEGIN + HOUR, "web"),
        *sightings("anna", (10 * MINUTE, "c6")),
    ]

    assert run([campaign(trigger=AreaDwelled("mall", 20))], events) == []


def test_what_fires_within_the_reentry_period_is_spent():
    """A trigger fires at most once in the re-entry period (t >= last + N hours); what would fire meanwhile is spent."""
    visits = [
        event
        for hour in (0, 0.5, 1 - 1 / HOUR, 1, 1.5, 2)
        for event in sightings("anna", (round(hour * HOUR), "c1"), (round(hour * HOUR) + 1, "c6"))
    ]

    found = run([campaign(reentry_hours=1)], visits)

    assert [m.trigger_ts - BEGIN for m in found] == [0, HOUR, 2 * HOUR]
    assert [m.trigger_ts - BEGIN for m in run([campaign()], visits)] == [0]


def test_outside_its_dates_a_firing_starts_no_reentry_period():
    """`from` and `until` gate the firing only (from <= t < until): outside them it starts no re-entry period."""
    visits = sightings("anna", (0, "c1"), (1, "c6"), (HOUR, "c1"), (HOUR + 1, "c6"), (2 * HOUR, "c1"))

    found = run([campaign(starts=BEGIN + HOUR, ends=BEGIN + 2 * HOUR)], visits)

    assert [m.trigger_ts - BEGIN for m in found] == [HOUR]


def test_outside_its_dates_a_firing_resets_its_piece():
    """A timer that fires before `from` is spent: the same stay does not fire again within the dates."""
    stay = sightings("anna", (0, "c1"), (30 * MINUTE, "c1"), (2 * HOUR, "c1"))

    assert run([campaign(trigger=AreaDwelled("mall", 20), starts=BEGIN + 21 * MINUTE)], stay) == []


def test_held_out_subscribers_match_and_start_a_reentry_period():
    """Held-out subscribers match, are recorded at that moment."""
    visits = sightings("anna", (0, "c1"), (1, "c6"), (2, "c1"))

    assert run([campaign(holdout_percent=100.0)], visits) == [Match("tone", "anna", BEGIN, True)]


def test_of_a_subscriber_on_no_list_nothing_is_asked_of_the_lists_where_it_does_not_matter():
    class Unasked:
        def __contains__(self, sub):
            raise AssertionError(f"asked for {sub}")

    rules = Rules.compile([campaign()], AREAS)

    assert match_events(rules, {"red": Unasked()}, sightings("anna", (0, "c4"), (1, "c6"))) == []
