"""The simulated front line: who comes is made the first offer that is due, and answers or does not."""

import pytest
from tests.unit.channels.fakes import FakeApi

from cellwave_ops.channels.client import ApiError
from cellwave_ops.channels.front import CHANNELS, FrontLine
from cellwave_ops.channels.public import reply

HOUR = 3_600_000
PEOPLE = [f"99985{n:07d}" for n in range(400)]


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_000 * HOUR

    def __call__(self) -> int:
        return self.now_ms


def line(api: FakeApi, clock: Clock, visits: float = 24.0, seed: int = 1) -> FrontLine:
    return FrontLine(PEOPLE, api, clock, seed, visits)


def test_an_hour_is_worked_once() -> None:
    clock = Clock()
    front = line(FakeApi(), clock)
    assert front.work() == len(PEOPLE)
    assert front.work() == 0
    clock.now_ms += HOUR
    assert front.work() == len(PEOPLE)


def test_so_many_come_in_a_day_as_is_said() -> None:
    clock, api = Clock(), FakeApi()
    front = line(api, clock, visits=0.5)
    came = 0
    for _ in range(24):
        came += front.work()
        clock.now_ms += HOUR
    assert came == pytest.approx(0.5 * len(PEOPLE), rel=0.2)
    assert front.counts["visits"] == came


def test_who_waited_more_than_six_hours_has_left() -> None:
    clock = Clock()
    front = line(FakeApi(), clock)
    front.work()
    clock.now_ms += 100 * HOUR
    assert front.work() == 6 * len(PEOPLE)


def test_people_come_to_every_passive_channel_with_the_number_in_the_body() -> None:
    api = FakeApi()
    line(api, Clock()).work()
    assert {body["channel"] for _, body in api.calls} == set(CHANNELS)
    assert sorted(body["msisdn"] for _, body in api.calls) == PEOPLE
    assert {path for path, _ in api.calls} == {"/v1/offers"}


def test_the_first_offer_is_made_and_what_is_said_is_reported() -> None:
    api, clock = FakeApi(), Clock()
    api.offers = [{"touch": "first"}, {"touch": "second"}]
    front = line(api, clock)
    front.work()
    outcomes = [body for path, body in api.calls if path == "/v1/outcomes"]
    assert {body["touch"] for body in outcomes} == {"first"}
    assert {body["at"] for body in outcomes} == {clock.now_ms}
    for body in outcomes:
        assert reply(1, body["channel"], f"first:{body['channel']}").answer == body["outcome"]
    assert front.counts["offers"] == len(PEOPLE)
    assert sum(front.counts[kind] for kind in ("accepted", "refused", "considering")) == len(outcomes)


def test_a_refusal_of_the_api_is_counted_and_hurts_nobody_else() -> None:
    api = FakeApi()
    api.refusals["/v1/offers"] = 500
    front = line(api, Clock())
    front.work()
    assert front.counts == {"visits": len(PEOPLE), "failed": len(PEOPLE)}


def test_it_ends_when_the_api_is_gone() -> None:
    api = FakeApi()
    api.refusals["/v1/offers"] = 0
    with pytest.raises(ApiError):
        line(api, Clock()).run(lambda: False)


def test_it_works_until_told_to_stop() -> None:
    api = FakeApi()
    left = iter([False, True])
    line(api, Clock()).run(lambda: next(left))
    assert len(api.calls) == len(PEOPLE)
