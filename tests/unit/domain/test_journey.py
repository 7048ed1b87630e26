"""Every transition of a journey, each pure: a journey and what happened go in, the next journey comes out."""

from dataclasses import replace

import pytest

from cellwave.domain.campaign import AreaEntered, Campaign, Match
from cellwave.domain.flow import Flow, Wave, bucket_end
from cellwave.domain.identifiers import journey_id, wave_tag
from cellwave.domain.journey import (
    CLAIM_MARGIN_MS,
    Answer,
    Journey,
    Route,
    TouchState,
    answered,
    begin,
    claim,
    close,
    ending,
    enter,
    is_offerable,
    next_wave,
    route,
    shown,
    timed_out,
    timeout_port,
    touches,
)

HOUR = 3_600_000
TS = 1_763_800_200_000 + 61_000
FLOW = Flow(
    "three-wave",
    1,
    "text",
    {
        "text": Wave(
            "text",
            ("sms",),
            "rbt-sms",
            24,
            next={"considering": "counter", "no_response": "counter", "undeliverable": "call"},
        ),
        "counter": Wave(
            "counter",
            ("counter", "hotline", "web"),
            "rbt-counter",
            72,
            next={"considering": "call", "no_response": "call"},
        ),
        "call": Wave("call", ("outbound_call",), "rbt-call", 48, attempts=2),
    },
)
PASSIVE_FIRST = Flow("desk", 1, "desk", {"desk": Wave("desk", ("counter", "web"), "s", 24)})
CAMPAIGN = Campaign(
    name="ringback",
    product="tone",
    offer="half",
    target_list="list",
    trigger=AreaEntered("mall"),
    respond_within_hours=12,
    flow="three-wave",
    holdout_group="tone",
)
MATCH = Match("ringback", "k1-sub", TS, held_out=False)


def begun(flow: Flow = FLOW, now: int = TS) -> Journey:
    return begin(MATCH, CAMPAIGN, flow, now)


def at(node: str) -> Journey:
    """Return a journey that came to a node by silence."""
    journey = begun()
    if node != "text":
        journey = enter(FLOW, replace(journey, touch="sent"), "counter", "no_response")
    return journey if node != "call" else enter(FLOW, journey, "call", "no_response")


def answer(journey: Journey, kind: Answer, channel: str, now: int | None = None, said: int | None = None) -> Journey:
    """Return the journey after an answer on its current touch."""
    now = journey.trigger_ts + 1 if now is None else now
    tag = wave_tag(journey.wave)
    return answered(FLOW, journey, tag, journey.attempt, kind, channel, now if said is None else said, now)


# Beginning


def test_a_match_begins_a_journey_in_the_flows_first_wave_with_its_touch_queued() -> None:
    journey = begun()
    assert (journey.state, journey.node, journey.touch, journey.channel) == ("in", "text", "queued", "sms")
    assert (journey.attempt, journey.path, journey.revision) == (1, ("text",), 0)


def test_a_passive_first_wave_begins_open_and_on_no_channel_yet() -> None:
    journey = begun(PASSIVE_FIRST)
    assert (journey.state, journey.touch, journey.channel) == ("in", "open", "")


def test_the_first_wave_ends_with_the_bucket_of_trigger_time_and_window_whenever_the_match_is_worked_off() -> None:
    assert begun().due == bucket_end(TS + 24 * HOUR) == begun(now=TS + HOUR).due
    assert begun().wave == begun(now=TS + HOUR).wave


def test_journeys_of_one_bucket_share_their_wave_and_others_do_not() -> None:
    def wave_at(ts: int) -> str:
        return begin(replace(MATCH, trigger_ts=ts), CAMPAIGN, FLOW, ts).wave

    first = bucket_end(TS)
    assert wave_at(first) == wave_at(first - 1)
    assert wave_at(first) != wave_at(first + 1)
    other = begin(Match("another", "k1-else", first, held_out=False), replace(CAMPAIGN, name="another"), FLOW, first)
    assert other.wave == wave_at(first)


def test_ids_depend_on_campaign_subscriber_and_trigger_time_alone() -> None:
    assert begun(now=TS + HOUR).id == journey_id("ringback", "k1-sub", TS)
    ids = {journey_id(c, s, t) for c in ("a", "b") for s in ("a", "b") for t in (1, 2)}
    assert len(ids) == 8


def test_the_response_window_bounds_the_first_touch_from_the_trigger_time() -> None:
    assert begun().respond_by == TS + 12 * HOUR
    assert begun(now=TS + 12 * HOUR - 1).state == "in"
    late = begun(now=TS + 12 * HOUR)
    assert (late.state, late.port, late.touch, late.channel) == ("ended", "context_expired", "none", "")


def test_no_touch_leaves_after_its_waves_window_though_the_response_window_is_longer() -> None:
    short = replace(FLOW, waves={**FLOW.waves, "text": replace(FLOW.waves["text"], window_hours=1)})
    assert begun(short).respond_by == begun(short).due == bucket_end(TS + HOUR)


def test_a_held_out_match_is_recorded_without_a_touch_even_if_it_comes_late() -> None:
    for now in (TS, TS + 100 * HOUR):
        journey = begin(replace(MATCH, held_out=True), CAMPAIGN, FLOW, now)
        assert (journey.state, journey.touch, journey.channel) == ("held_out", "none", "")
        assert ending(FLOW, journey, now) == "held_out"
        assert claim(journey, wave_tag(journey.wave), 1, now) == ("revoked", journey)
        assert not is_offerable(FLOW, journey, "counter", now)


# Waves


def test_the_next_waves_due_is_the_parents_due_plus_its_window_never_now_plus_window() -> None:
    journey = begun()
    early = answer(journey, "considering", "sms", now=TS + 5)
    late = answer(journey, "considering", "sms", now=journey.due - 1)
    assert early.due == late.due == journey.due + 72 * HOUR
    assert early.wave == late.wave == next_wave(FLOW, journey.wave, journey.due, "counter")[0]


def test_entering_a_wave_resets_the_touch_and_remembers_the_wave_that_was_left() -> None:
    journey = at("call")
    assert (journey.touch, journey.channel, journey.attempt, journey.parent) == (
        "queued",
        "outbound_call",
        1,
        at("counter").wave,
    )
    assert journey.path == ("text", "counter", "call")
    assert [step.port for step in journey.steps] == ["no_response", "no_response"]
    assert journey.respond_by == journey.due == begun().due + (72 + 48) * HOUR
    assert journey.steps[0].tag == wave_tag(begun().wave)


# Answers


@pytest.mark.parametrize("node", ["text", "counter", "call"])
@pytest.mark.parametrize("kind", ["accepted", "refused"])
def test_accept_and_refuse_close_a_journey_wherever_it_is(node: str, kind: Answer) -> None:
    journey = at(node)
    closed = answer(journey, kind, "anywhere", now=journey.due + HOUR)
    assert (closed.state, closed.port) == ("closed", kind)
    assert ending(FLOW, closed, closed.due + HOUR) == kind


def test_an_old_touch_still_closes_what_is_open() -> None:
    journey = at("counter")
    tag = wave_tag(begun().wave)
    assert answered(FLOW, journey, tag, 1, "refused", "sms", TS, TS).state == "closed"


@pytest.mark.parametrize("state", ["closed", "ended", "held_out"])
@pytest.mark.parametrize("kind", ["accepted", "refused", "considering", "undeliverable", "sent", "delivered"])
def test_nothing_moves_a_journey_that_is_over(state: str, kind: Answer) -> None:
    journey = replace(begun(), state=state, port="refused")  # type: ignore[arg-type]
    assert answer(journey, kind, "sms") == journey
    assert close(journey, "accepted") == journey


def test_considering_moves_to_the_next_node_at_once_and_notes_interest() -> None:
    journey = answer(begun(), "considering", "sms", now=TS + 9, said=TS + 7)
    assert (journey.node, journey.interest, journey.steps[0].port) == ("counter", TS + 7, "considering")


def test_considering_where_the_port_leads_nowhere_is_offered_again_until_the_window_is_over() -> None:
    journey = answer(at("call"), "considering", "outbound_call", now=TS + 9)
    assert (journey.state, journey.node, journey.interest) == ("in", "call", TS + 9)
    assert is_offerable(FLOW, journey, "counter", TS + 10)
    assert (ending(FLOW, journey, journey.due - 1), ending(FLOW, journey, journey.due)) == ("open", "considering")


def test_a_passive_wave_makes_no_second_attempt() -> None:
    twice = replace(PASSIVE_FIRST, waves={"desk": replace(PASSIVE_FIRST.waves["desk"], attempts=2)})
    journey = shown(twice, begin(MATCH, CAMPAIGN, twice, TS), "counter")
    after = answered(twice, journey, wave_tag(journey.wave), 1, "undeliverable", "counter", TS, TS)
    assert (after.state, after.port, after.touch) == ("ended", "undeliverable", "failed")


def test_considering_on_an_old_touch_moves_nothing_but_notes_interest_and_never_an_earlier_one() -> None:
    journey = at("counter")
    tag = wave_tag(begun().wave)
    noted = answered(FLOW, journey, tag, 1, "considering", "sms", TS + 5, TS + 6)
    assert noted == replace(journey, interest=TS + 5)
    assert answered(FLOW, noted, tag, 1, "considering", "sms", TS + 1, TS + 9) == noted


@pytest.mark.parametrize("kind", ["considering", "undeliverable"])
def test_an_answer_that_arrives_when_the_window_is_over_moves_nothing(kind: Answer) -> None:
    journey = begun()
    assert answer(journey, kind, "sms", now=journey.due, said=journey.due - 1).node == "text"
    assert answer(journey, kind, "sms", now=journey.due - 1).node != "text"


def test_interest_repeated_on_a_channel_that_the_wave_does_not_use_moves_nothing() -> None:
    journey = answer(at("call"), "considering", "counter", now=TS + 9)
    assert (journey.node, journey.state, journey.interest) == ("call", "in", TS + 9)


def test_a_passive_answer_is_on_the_channel_that_gave_it() -> None:
    journey = answer(at("counter"), "considering", "web")
    assert (journey.node, journey.steps[-1].channel) == ("call", "web")


def test_undeliverable_moves_on_by_its_port_when_no_attempt_is_left() -> None:
    journey = answer(begun(), "undeliverable", "sms")
    assert (journey.node, journey.touch) == ("call", "queued")
    assert (journey.steps[0].port, journey.steps[0].touch) == ("undeliverable", "failed")


def test_undeliverable_queues_another_attempt_while_attempts_are_left_then_ends() -> None:
    first = at("call")
    second = answer(replace(first, touch="claimed"), "undeliverable", "outbound_call")
    assert (second.node, second.touch, second.attempt, second.due) == ("call", "queued", 2, first.due)
    third = answer(replace(second, touch="claimed"), "undeliverable", "outbound_call")
    assert (third.state, third.port, third.touch) == ("ended", "undeliverable", "failed")


def test_the_same_failed_attempt_reported_twice_costs_one_attempt() -> None:
    first = at("call")
    tag = wave_tag(first.wave)
    second = answered(FLOW, first, tag, 1, "undeliverable", "outbound_call", TS, TS)
    assert answered(FLOW, second, tag, 1, "undeliverable", "outbound_call", TS, TS) == second


@pytest.mark.parametrize(
    ("before", "kind", "after"),
    [
        ("claimed", "sent", "sent"),
        ("claimed", "delivered", "delivered"),
        ("sent", "delivered", "delivered"),
        ("delivered", "sent", "delivered"),
        ("queued", "sent", "queued"),
        ("queued", "delivered", "queued"),
        ("sent", "sent", "sent"),
    ],
)
def test_delivery_reports_raise_the_touch_and_never_lower_it(before: TouchState, kind: Answer, after: str) -> None:
    journey = replace(begun(), touch=before)
    assert answer(journey, kind, "sms") == replace(journey, touch=after)  # type: ignore[arg-type]


# Windows that are over


@pytest.mark.parametrize(
    ("touch", "port"),
    [
        ("queued", "context_expired"),
        ("claimed", "no_response"),
        ("sent", "no_response"),
        ("delivered", "no_response"),
        ("open", "no_response"),
        ("shown", "no_response"),
    ],
)
def test_a_touch_that_nobody_claimed_in_time_has_expired_and_any_other_brought_no_response(
    touch: TouchState, port: str
) -> None:
    assert timeout_port(replace(begun(), touch=touch)) == port


def test_a_window_over_leads_by_its_port_or_ends_without_a_write() -> None:
    expired, silent = begun(), replace(begun(), touch="sent")
    assert (timed_out(FLOW, expired), timed_out(FLOW, silent)) == (None, "counter")
    assert ending(FLOW, expired, expired.due - 1) == "open"
    assert ending(FLOW, expired, expired.due) == "context_expired"
    assert ending(FLOW, silent, silent.due) == "open"
    last = replace(at("call"), touch="delivered")
    assert (ending(FLOW, last, last.due - 1), ending(FLOW, last, last.due)) == ("open", "no_response")


# Claims


def test_a_queued_touch_is_claimed_once() -> None:
    journey = begun()
    verdict, claimed = claim(journey, wave_tag(journey.wave), 1, TS)
    assert (verdict, claimed) == ("claimed", replace(journey, touch="claimed"))
    assert claim(claimed, wave_tag(journey.wave), 1, TS) == ("already_claimed", claimed)


def test_a_claim_is_expired_from_the_last_moment_on() -> None:
    journey = begun()
    tag = wave_tag(journey.wave)
    last = journey.respond_by - CLAIM_MARGIN_MS
    assert claim(journey, tag, 1, last - 1)[0] == "claimed"
    assert claim(journey, tag, 1, last) == ("expired", journey)


@pytest.mark.parametrize("state", ["closed", "ended", "held_out"])
def test_a_touch_of_a_journey_that_is_over_is_revoked(state: str) -> None:
    journey = replace(begun(), state=state)  # type: ignore[arg-type]
    assert claim(journey, wave_tag(journey.wave), 1, TS) == ("revoked", journey)


def test_a_touch_of_another_wave_or_attempt_is_revoked() -> None:
    journey = at("call")
    assert claim(journey, wave_tag(begun().wave), 1, TS)[0] == "revoked"
    assert claim(replace(journey, attempt=2), wave_tag(journey.wave), 1, TS)[0] == "revoked"


# Passive channels


def test_a_passive_wave_is_offered_on_its_own_channels_until_its_window_is_over() -> None:
    journey = at("counter")
    assert [c for c in ("counter", "hotline", "web", "app") if is_offerable(FLOW, journey, c, TS)] == [
        "counter",
        "hotline",
        "web",
    ]
    assert not is_offerable(FLOW, journey, "counter", journey.due)
    assert not is_offerable(FLOW, begun(), "counter", TS)


def test_interest_is_offered_again_on_any_passive_channel() -> None:
    journey = replace(at("call"), interest=TS)
    assert is_offerable(FLOW, journey, "app", TS)
    assert not is_offerable(FLOW, replace(journey, state="closed"), "app", TS)


def test_a_passive_touch_counts_as_made_when_it_is_shown_first() -> None:
    journey = shown(FLOW, at("counter"), "web")
    assert (journey.touch, journey.channel) == ("shown", "web")
    assert shown(FLOW, journey, "counter") == journey
    calling = replace(at("call"), interest=TS)
    assert shown(FLOW, calling, "counter") == calling


# Routes


def test_a_member_still_in_its_wave_goes_where_its_timeout_leads() -> None:
    journey = replace(begun(), touch="sent")
    assert route(FLOW, journey, journey.wave, "text", 0) == Route("counter")
    assert route(FLOW, begun(), begun().wave, "text", 0) == Route(None)


def test_a_member_that_moved_early_is_followed_node_by_node_however_far_ahead_it_is() -> None:
    first = begun()
    ahead = at("call")
    assert route(FLOW, ahead, first.wave, "text", 0) == Route("counter", ahead=True)
    assert route(FLOW, ahead, ahead.parent, "counter", 1) == Route("call", ahead=True)
    assert route(FLOW, replace(ahead, touch="sent"), ahead.wave, "call", 2) == Route(None)


@pytest.mark.parametrize("state", ["closed", "ended"])
def test_a_member_that_is_over_goes_nowhere(state: str) -> None:
    journey = replace(begun(), touch="sent", state=state)  # type: ignore[arg-type]
    assert route(FLOW, journey, journey.wave, "text", 0) == Route(None)


def test_a_member_that_took_another_path_goes_nowhere_by_this_wave() -> None:
    journey = answer(begun(), "undeliverable", "sms")
    assert journey.path == ("text", "call")
    assert route(FLOW, journey, at("counter").wave, "counter", 1) == Route(None)


# Touches


def test_touches_are_those_that_were_made_wave_by_wave() -> None:
    journey = replace(at("call"), touch="claimed")
    assert [(step.node, step.touch) for step in touches(journey)] == [("text", "sent"), ("call", "claimed")]
    assert touches(begun()) == []


def test_an_attempt_that_failed_was_a_touch_though_the_next_one_is_only_queued() -> None:
    journey = answer(replace(at("call"), touch="claimed"), "undeliverable", "outbound_call")
    assert [(step.node, step.touch) for step in touches(journey)] == [("text", "sent"), ("call", "failed")]
    again = replace(journey, touch="sent")
    assert [(step.node, step.touch, step.attempts) for step in touches(again)][1:] == [
        ("call", "failed", 1),
        ("call", "sent", 2),
    ]
