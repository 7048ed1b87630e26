"""The stay, sentence by sentence of the design's matching semantics, at its boundaries."""

import pytest

from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign, Match
from cellwave.domain.engine import NOTHING, Firing, SubscriberState, advance, fire_due, gate, pending_dues
from cellwave.domain.rules import Rules
from cellwave.domain.signalling import EVENT_TYPES, Event

MINUTE = 60_000
HOUR = 60 * MINUTE
DAYS_2 = 48 * HOUR
AREAS = {"mall": ["m1", "m2", "both"], "park": ["p1", "both"]}


def entered(name="entered", area="mall", on="all") -> Campaign:
    return Campaign(name, "p", "o", on, AreaEntered(area), 24, "f", "p")


def dwelled(minutes, name="dwelled", area="mall", on="all") -> Campaign:
    return Campaign(name, "p", "o", on, AreaDwelled(area, minutes), 24, "f", "p")


class Phone:
    """One subscriber's state with shorthands; times are ms from an arbitrary begin."""

    def __init__(self, *campaigns: Campaign, lists: tuple[str, ...] = ("all",)):
        self.rules = Rules.compile(campaigns, AREAS)
        self.state = SubscriberState()
        self.lists = lists

    def hear(self, ts: int, type: str, cell: str = "") -> list[tuple[str, int]]:
        self.step = advance(self.rules, self.state, Event("s", ts, type, cell), self.lists.__contains__)
        return [(firing.campaign, firing.ts) for firing in self.step.firings]

    def see(self, ts: int, cell: str) -> list[tuple[str, int]]:
        return self.hear(ts, "sighting", cell)

    def sweep(self, now: int) -> list[tuple[str, int]]:
        self.step = fire_due(self.rules, self.state, "s", now, self.lists.__contains__)
        return [(firing.campaign, firing.ts) for firing in self.step.firings]


def test_a_stay_opens_at_a_sighting_in_a_cell_of_the_area_while_none_is_open():
    """`area_entered(A)` fires when a stay opens."""
    phone = Phone(entered())

    assert phone.see(5, "m1") == [("entered", 5)]
    assert phone.see(6, "m1") == []
    assert phone.see(7, "m2") == []
    assert phone.state.stays["mall"].start == 5


@pytest.mark.parametrize("type", sorted(EVENT_TYPES - {"power_off"}))
def test_any_event_but_power_off_that_bears_a_cell_is_a_sighting(type):
    assert Phone(entered()).hear(5, type, "m1") == [("entered", 5)]


def test_a_power_off_that_bears_a_cell_is_no_sighting():
    phone = Phone(entered())

    assert phone.hear(5, "power_off", "m1") == []
    assert phone.state.is_empty


@pytest.mark.parametrize("outside", ["p1", "a cell that no campaign names"])
def test_a_stay_ends_at_the_first_sighting_outside_the_area(outside):
    """A cell that no campaign names is outside."""
    phone = Phone(entered())
    phone.see(5, "m1")

    phone.see(9, outside)

    assert phone.state.stays["mall"].start is None
    assert phone.see(10, "m1") == [("entered", 10)]


@pytest.mark.parametrize("cell", ["", "m1"])
def test_a_stay_ends_at_power_off_with_or_without_a_cell(cell):
    phone = Phone(entered())
    phone.see(5, "m1")

    phone.hear(9, "power_off", cell)

    assert not phone.state.has_open_stay


@pytest.mark.parametrize("type", sorted(EVENT_TYPES - {"power_off", "sighting"}))
def test_an_event_without_a_cell_touches_no_stay(type):
    phone = Phone(dwelled(1))
    phone.see(5, "m1")

    assert phone.hear(DAYS_2 * 2, type) == []
    assert phone.step is NOTHING
    assert phone.state.has_open_stay


@pytest.mark.parametrize(("after", "opens_anew"), [(DAYS_2 - 1, False), (DAYS_2, True), (DAYS_2 + 1, True)])
def test_a_stay_ends_48_h_after_it_opened_and_the_sighting_that_shows_it_opens_a_new_one(after, opens_anew):
    phone = Phone(entered())
    phone.see(5, "m1")

    assert phone.see(5 + after, "m1") == ([("entered", 5 + after)] if opens_anew else [])


@pytest.mark.parametrize(("ts", "opens"), [(5 + DAYS_2 - 1, False), (5 + DAYS_2, True)])
def test_the_moment_48_h_after_the_opening_is_the_last_change(ts, opens):
    """48 h after it opened (that moment is then its last change)."""
    phone = Phone(entered())
    phone.see(5, "m1")
    phone.hear(5 + DAYS_2 + HOUR, "power_off")

    assert phone.state.stays["mall"].changed == 5 + DAYS_2
    assert bool(phone.see(ts, "m1")) == opens


def test_area_dwelled_fires_once_a_stay_at_its_start_plus_t():
    phone = Phone(dwelled(20))
    phone.see(5, "m1")

    assert phone.step.dues == [5 + 20 * MINUTE]
    assert phone.see(4 + 20 * MINUTE, "m1") == []
    assert phone.see(50 * MINUTE, "m2") == [("dwelled", 5 + 20 * MINUTE)]
    assert phone.see(51 * MINUTE, "m2") == []


@pytest.mark.parametrize("last_word", [("sighting", "p1"), ("power_off", "")])
@pytest.mark.parametrize(("after", "fires"), [(20 * MINUTE - 1, False), (20 * MINUTE, True)])
def test_the_timer_comes_first_then_the_event(last_word, after, fires):
    """A timer fires when an event that touches its piece has a `ts` at or after the due time."""
    phone = Phone(dwelled(20))
    phone.see(0, "m1")

    assert phone.hear(after, *last_word) == ([("dwelled", 20 * MINUTE)] if fires else [])
    assert not phone.state.has_open_stay


def test_at_t_of_48_h_it_fires_then_the_stay_ends():
    phone = Phone(dwelled(2880), entered())
    phone.see(0, "m1")

    assert phone.see(DAYS_2, "m1") == [("dwelled", DAYS_2), ("entered", DAYS_2)]


def test_a_timer_fires_also_when_no_event_arrives():
    """Deployed, a sweep fires it; the match bears the due time as its trigger time."""
    phone = Phone(dwelled(20))
    phone.see(0, "m1")

    assert phone.sweep(20 * MINUTE - 1) == []
    assert phone.sweep(HOUR) == [("dwelled", 20 * MINUTE)]
    assert phone.sweep(2 * HOUR) == []
    assert phone.see(3 * HOUR, "m1") == []


def test_an_event_that_arrives_after_the_sweep_does_not_undo_the_firing():
    phone = Phone(dwelled(20), entered())
    phone.see(0, "m1")
    phone.sweep(HOUR)

    assert phone.see(10 * MINUTE, "p1") == []
    assert phone.step.changed


def test_the_firing_of_a_timer_is_no_change_of_its_piece():
    """An event older than a firing but not older than the opening still ends the stay, at its own time."""
    phone = Phone(dwelled(20), entered())
    phone.see(0, "m1")
    phone.see(HOUR, "m1")
    phone.see(10 * MINUTE, "p1")

    assert phone.see(11 * MINUTE, "m1") == [("entered", 11 * MINUTE)]
    assert phone.step.dues == [31 * MINUTE]
    assert phone.see(32 * MINUTE, "m1") == [("dwelled", 31 * MINUTE)]


def test_a_sweep_ends_nothing_but_what_the_48_h_rule_ends():
    phone = Phone(dwelled(2880))
    phone.see(0, "m1")

    phone.sweep(DAYS_2 - 1)
    assert phone.state.has_open_stay

    assert phone.sweep(DAYS_2 + HOUR) == [("dwelled", DAYS_2)]
    assert phone.state.stays["mall"].changed == DAYS_2


@pytest.mark.parametrize(("ts", "ends"), [(999, False), (1000, True)])
def test_an_event_with_a_ts_smaller_than_the_last_change_does_not_touch_the_piece(ts, ends):
    phone = Phone(entered())
    phone.see(1000, "m1")

    phone.see(ts, "p1")

    assert phone.state.has_open_stay != ends


@pytest.mark.parametrize(("ts", "opens"), [(999, False), (1000, True)])
def test_a_sighting_before_the_end_of_a_stay_opens_no_other(ts, opens):
    phone = Phone(entered())
    phone.see(1, "m1")
    phone.see(1000, "p1")

    assert bool(phone.see(ts, "m1")) == opens


def test_the_order_of_arrival_decides_not_the_order_of_ts():
    phone = Phone(entered())
    phone.see(100, "m1")
    phone.see(300, "m1")

    phone.see(200, "p1")

    assert phone.see(250, "m1") == [("entered", 250)]


def test_an_event_repeated_changes_nothing():
    phone = Phone(entered(), dwelled(20))
    phone.see(0, "m1")
    phone.see(25 * MINUTE, "m1")
    before = phone.state.to_wire()

    assert phone.see(25 * MINUTE, "m1") == []
    assert not phone.step.changed
    assert phone.state.to_wire() == before


def test_what_an_event_does_not_change_is_not_written():
    phone = Phone(entered(), dwelled(20))

    changed = []
    for ts, cell in ((0, "m1"), (1, "m2"), (20 * MINUTE, "m1"), (21 * MINUTE, "x"), (22 * MINUTE, "x")):
        phone.see(ts, cell)
        changed.append(phone.step.changed)

    assert changed == [True, False, True, True, False]


def test_a_cell_in_several_areas_opens_a_stay_in_each():
    phone = Phone(entered("in-mall"), entered("in-park", "park"))

    assert phone.see(0, "both") == [("in-mall", 0), ("in-park", 0)]
    assert phone.see(1, "p1") == []
    assert phone.see(2, "both") == [("in-mall", 2)]


def test_only_subscribers_on_the_target_list_are_tracked():
    phone = Phone(entered(on="vip"), lists=("all",))

    assert phone.see(0, "m1") == []
    assert phone.step is NOTHING
    assert phone.state.is_empty


def test_a_piece_is_tracked_for_one_campaign_and_fires_for_those_alone_whose_list_holds_the_subscriber():
    phone = Phone(entered("a", on="vip"), entered("b"), dwelled(20, "c", on="vip"), dwelled(30, "d"))

    assert phone.see(0, "m1") == [("b", 0)]
    assert phone.step.dues == [30 * MINUTE]
    assert phone.see(HOUR, "m1") == [("d", 30 * MINUTE)]


def test_a_list_is_asked_for_only_where_a_cell_makes_it_needed():
    rules = Rules.compile([entered()], AREAS)

    def never(name: str) -> bool:
        raise AssertionError(name)

    for event in (Event("s", 1, "web"), Event("s", 1, "sighting", "elsewhere"), Event("s", 1, "power_off", "m1")):
        assert advance(rules, SubscriberState(), event, never) is NOTHING


def test_a_piece_that_no_campaign_needed_before_starts_empty():
    """The piece of an area goes with the last campaign that needs it, at the next event or sweep that touches stays."""
    phone = Phone(entered(), entered("in-park", "park"))
    phone.see(0, "both")

    phone.rules = Rules.compile([entered("in-park", "park")], AREAS)
    phone.see(1, "p1")
    assert phone.step.changed
    phone.rules = Rules.compile([entered(), entered("in-park", "park")], AREAS)

    assert phone.see(2, "both") == [("entered", 2)]


def test_a_campaign_that_comes_while_a_stay_is_open_fires_at_the_start_of_that_stay_plus_t():
    phone = Phone(entered(), dwelled(10))
    phone.see(0, "m1")
    phone.see(15 * MINUTE, "m1")

    phone.rules = Rules.compile([entered(), dwelled(10), dwelled(12, "past"), dwelled(20, "new")], AREAS)

    assert pending_dues(phone.rules, phone.state, phone.lists.__contains__) == [12 * MINUTE, 20 * MINUTE]
    assert ("new", 20 * MINUTE) in phone.see(25 * MINUTE, "m1")
    assert pending_dues(phone.rules, phone.state, phone.lists.__contains__) == []


def test_timers_fire_in_the_order_of_their_due_times_then_of_names():
    phone = Phone(dwelled(30, "b"), dwelled(30, "a"), dwelled(10, "z"))
    phone.see(0, "m1")

    assert phone.sweep(HOUR) == [("z", 10 * MINUTE), ("a", 30 * MINUTE), ("b", 30 * MINUTE)]


def test_state_goes_to_the_wire_and_back():
    phone = Phone(entered(), dwelled(20), entered("in-park", "park"))
    phone.see(0, "both")
    phone.see(30 * MINUTE, "m1")

    wire = phone.state.to_wire()

    assert wire == {"mall": [0, 20 * MINUTE], "park": [30 * MINUTE]}
    assert SubscriberState.from_wire(wire) == phone.state


@pytest.mark.parametrize(
    ("closed_at", "before", "kept"), [(None, 5 + DAYS_2, True), (None, 6 + DAYS_2, False), (9, 9, True), (9, 10, False)]
)
def test_prune_drops_stays_that_ended_before_a_moment_by_an_event_or_the_48_h_rule(closed_at, before, kept):
    phone = Phone(entered())
    phone.see(5, "m1")
    if closed_at is not None:
        phone.hear(closed_at, "power_off")

    assert phone.state.prune(before) != kept
    assert phone.state.is_empty != kept


@pytest.mark.parametrize(("ts", "fires"), [(9, False), (10, True), (19, True), (20, False)])
def test_from_and_until_gate_the_firing(ts, fires):
    """`from` <= t < `until`."""
    campaign = Campaign("c", "p", "o", "l", AreaEntered("mall"), 24, "f", "p", starts=10, ends=20)

    assert gate(campaign, Firing("c", "s", ts)) == (Match("c", "s", ts, False) if fires else None)


@pytest.mark.parametrize(("ts", "fires"), [(9, False), (10, True)])
def test_a_campaign_counts_from_its_publication_on(ts, fires):
    campaign = Campaign("c", "p", "o", "l", AreaEntered("mall"), 24, "f", "p", counts_from=10)

    assert bool(gate(campaign, Firing("c", "s", ts))) == fires


def test_held_out_subscribers_match():
    campaign = Campaign("c", "p", "o", "l", AreaEntered("mall"), 24, "f", "p", holdout_percent=100.0)

    assert gate(campaign, Firing("c", "s", 1)) == Match("c", "s", 1, held_out=True)
