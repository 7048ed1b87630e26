"""From events to records in the stream: aggregated, numbered, in order whatever fails."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwave.contracts.stream import decode_record
from cellwave.domain.identifiers import LANES, explicit_hash_key, lane_of, partition_of
from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave.domain.signalling import Event, Record, timeliness
from cellwave_ops.sources.producer import MAX_EVENTS_A_RECORD, MIN_TICK_MS, TICK_LAG_MS, OutgoingRecord, Producer
from cellwave_ops.sources.sender import MAX_ATTEMPTS, Sender, StreamRefusedError

MINUTE = 60_000
START = 1_763_800_000_000
KEYS = Pseudonymizer("k1", b"0" * 32)
SUBS = [KEYS.of(f"99985{n:07d}") for n in range(40)]


class FakeKinesis:
    """Keeps what it accepts, in order; refuses by a seeded coin, as a throttled shard does."""

    def __init__(self, refuse: float = 0.0, seed: int = 0):
        self.accepted: list[dict[str, Any]] = []
        self.requests: list[int] = []
        self._refuse = refuse
        self._rng = random.Random(seed)  # noqa: S311

    def put_records(self, *, StreamName: str, Records: Sequence[Any]) -> Any:  # noqa: N803
        assert StreamName == "signalling"
        self.requests.append(len(Records))
        results: list[dict[str, str]] = []
        for record in Records:
            if self._rng.random() < self._refuse:
                code = "ProvisionedThroughputExceededException"
                results.append({"ErrorCode": code, "ErrorMessage": "slow down"})
            else:
                self.accepted.append(record)
                results.append({"SequenceNumber": str(len(self.accepted)), "ShardId": "shardId-0"})
        return {"FailedRecordCount": sum("ErrorCode" in result for result in results), "Records": results}

    def records(self) -> list[Record]:
        decoded = [decode_record(entry["Data"], n) for n, entry in enumerate(self.accepted)]
        assert not any(record.rejected for record in decoded)
        return decoded


def _produced(events: Sequence[Event], **settings_: int) -> list[Record]:
    outgoing = list(Producer("p", **settings_).records_of(events))
    return [decode_record(record.data, n) for n, record in enumerate(outgoing)]


def _by_subscriber(events: Sequence[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.sub, []).append(event)
    return found


def _steady(count: int, step_ms: int, subs: Sequence[str] = SUBS) -> list[Event]:
    return [Event(subs[n % len(subs)], START + n * step_ms, "sighting", f"c{n % 7}") for n in range(count)]


@st.composite
def courses(draw: st.DrawFn) -> list[Event]:
    """Events with gaps, ties and disorder, some of it of hours."""
    moves = draw(st.lists(st.tuples(st.integers(-40 * MINUTE, 60 * MINUTE), st.integers(0, 39)), max_size=120))
    ts = START + 10**9
    events = []
    for move, who in moves:
        ts += move
        events.append(Event(SUBS[who], ts, "sighting", "c"))
    return events


@settings(deadline=None)
@given(courses(), st.sampled_from((1_000, MINUTE, 10 * MINUTE)))
def test_nothing_is_lost_and_each_subscribers_order_is_kept(events: list[Event], linger: int) -> None:
    records = _produced(events, linger_ms=linger)
    arrived = [event for record in records for event in record.events]
    assert _by_subscriber(arrived) == _by_subscriber(events)


@settings(deadline=None)
@given(courses())
def test_nothing_is_late_or_ahead_by_its_own_record(events: list[Event]) -> None:
    for record in _produced(events):
        assert all(timeliness(event.ts, record.clock) == "due" for event in record.events)


@settings(deadline=None)
@given(courses())
def test_a_tick_follows_every_event_up_to_its_time_that_was_handed_in_before_it(events: list[Event]) -> None:
    """Else a timer would fire that an event on its way was to stop (the sweep of the design)."""
    for lane in {lane_of(partition_of(event.sub)) for event in events}:
        mine = [record for record in _produced(events) if record.lane == lane]
        seen: list[Event] = []
        for record in mine:
            seen.extend(record.events)
            if record.tick:
                rest = [e for r in mine[mine.index(record) + 1 :] for e in r.events]
                greatest = record.clock + TICK_LAG_MS if record.clock else 0
                handed_in = next((n for n, e in enumerate(events) if e.ts >= greatest), len(events))
                assert not any(e.ts <= (record.clock or 0) and events.index(e) < handed_in for e in rest)


def test_records_of_a_lane_are_numbered_one_by_one_ticks_included() -> None:
    records = _produced(_steady(3_000, 5_000))
    for lane in range(LANES):
        numbers = [record.number for record in records if record.lane == lane]
        assert numbers == list(range(1, len(numbers) + 1))


def test_a_record_carries_one_lane_and_its_clock_is_the_greatest_time_in_it() -> None:
    for record in _produced(_steady(3_000, 1_000)):
        if not record.tick:
            assert {lane_of(partition_of(event.sub)) for event in record.events} == {record.lane}
            assert record.clock == max(event.ts for event in record.events)


def test_busy_lanes_fill_their_records() -> None:
    records = [record for record in _produced(_steady(2_600, 10, SUBS[:1])) if not record.tick]
    assert [len(record.events) for record in records] == [MAX_EVENTS_A_RECORD] * 5 + [100]


def test_an_event_waits_for_company_no_longer_than_the_linger() -> None:
    """And an eighth of it, since what waits is not looked at with every event."""
    records = [record for record in _produced(_steady(1_000, 100, SUBS[:1]), linger_ms=4_000) if not record.tick]
    spans = [record.events[-1].ts - record.events[0].ts for record in records]
    assert 4_000 <= max(spans) <= 4_500


def test_ticks_come_every_quarter_of_an_hour_to_all_lanes_and_the_last_says_the_greatest_time() -> None:
    ticks = [record for record in _produced(_steady(121, MINUTE)) if record.tick]
    clocks = sorted({record.clock for record in ticks if record.clock})
    expected = [START + n * MIN_TICK_MS - TICK_LAG_MS for n in range(1, 9)]
    assert clocks == [*expected, START + 120 * MINUTE]
    assert [record.lane for record in ticks] == list(range(LANES)) * 9


def test_a_gap_of_days_costs_one_tick_not_hundreds() -> None:
    events = [Event(SUBS[0], START, "power_on"), Event(SUBS[0], START + 3 * 86_400_000, "power_on")]
    assert len([record for record in _produced(events) if record.tick]) == 2 * LANES


def test_no_events_make_no_records() -> None:
    assert _produced([]) == []


def test_the_same_file_makes_the_same_records() -> None:
    events = _steady(2_000, 3_000)
    first, again = (list(Producer("p").records_of(events)) for _ in range(2))
    assert first == again


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from((0.0, 0.1, 0.4)))
def test_under_partial_failures_no_record_overtakes_an_earlier_one_of_its_lane(seed: int, refuse: float) -> None:
    events = _steady(1_500, 2_000)
    kinesis = FakeKinesis(refuse, seed)
    pauses: list[float] = []
    sender = Sender(kinesis, "signalling", pauses.append)
    for outgoing in Producer("p").records_of(events):
        sender.send(outgoing)
    sender.flush()
    arrived = kinesis.records()
    for lane in range(LANES):
        numbers = [record.number for record in arrived if record.lane == lane]
        assert numbers == list(range(1, len(numbers) + 1))
    assert _by_subscriber([e for record in arrived for e in record.events]) == _by_subscriber(events)
    assert sender.sent == len(arrived)
    assert bool(pauses) == (refuse > 0)
    assert all(0 < pause <= 5 for pause in pauses)


def test_a_request_holds_one_record_a_lane_and_sends_it_to_the_lanes_own_place() -> None:
    kinesis = FakeKinesis()
    sender = Sender(kinesis, "signalling")
    for outgoing in Producer("p").records_of(_steady(3_000, 2_000)):
        sender.send(outgoing)
    sender.flush()
    assert max(kinesis.requests) <= LANES
    for entry, record in zip(kinesis.accepted, kinesis.records(), strict=True):
        assert entry["PartitionKey"] == f"lane-{record.lane}"
        assert entry["ExplicitHashKey"] == explicit_hash_key(record.lane)


def test_a_stream_that_keeps_refusing_is_an_error_after_bounded_attempts() -> None:
    kinesis = FakeKinesis(refuse=1.0)
    sender = Sender(kinesis, "signalling", lambda seconds: None)
    sender.send(OutgoingRecord(0, START, 0, b"x"))
    with pytest.raises(StreamRefusedError, match="lane 0: ProvisionedThroughputExceededException"):
        sender.flush()
    assert len(kinesis.requests) == MAX_ATTEMPTS
