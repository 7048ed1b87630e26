"""The simulated public: set odds and delays, the same again under the same seed."""

from collections import Counter

import pytest

from cellwave_ops.channels.public import ODDS, Agenda, chance, reply

HOUR = 3_600_000
PEOPLE = 20_000


@pytest.mark.parametrize("channel", sorted(ODDS))
def test_answers_come_with_the_odds_of_the_channel(channel: str) -> None:
    said = Counter(reply(3, channel, f"t{n}").answer for n in range(PEOPLE))
    for answer, odds in ODDS[channel].items():
        assert said[answer] / PEOPLE == pytest.approx(odds, abs=0.012)
    assert said[""] / PEOPLE == pytest.approx(1 - sum(ODDS[channel].values()), abs=0.012)


def test_delays_lie_between_twelve_minutes_and_nine_hours() -> None:
    delays = [reply(3, "sms", f"t{n}").after for n in range(2_000)]
    assert 0.2 * HOUR <= min(delays) < 0.5 * HOUR
    assert 8.5 * HOUR < max(delays) <= 9 * HOUR


def test_what_somebody_says_depends_on_seed_and_touch_alone() -> None:
    def said(seed: int) -> list[object]:
        return [reply(seed, "sms", f"t{n}") for n in range(50)]

    assert said(1) == said(1)
    assert said(1) != said(2)


def test_nobody_answers_on_a_channel_without_odds() -> None:
    assert {reply(1, "push", f"t{n}").answer for n in range(100)} == {""}


def test_chance_is_even_and_below_one() -> None:
    drawn = [chance(1, str(n)) for n in range(10_000)]
    assert 0 <= min(drawn) < 0.01
    assert 0.99 < max(drawn) < 1
    assert sum(drawn) / len(drawn) == pytest.approx(0.5, abs=0.01)


def test_parts_do_not_run_together() -> None:
    assert chance(1, "ab", "c") != chance(1, "a", "bc")


def test_the_agenda_gives_what_is_due_in_the_order_of_time_once() -> None:
    agenda = Agenda()
    for at in (30, 10, 20):
        agenda.add(at, f"t{at}", "accepted")
    assert list(agenda.due(9)) == []
    assert list(agenda.due(20)) == [(10, "t10", "accepted"), (20, "t20", "accepted")]
    assert list(agenda.due(20)) == []
    assert not agenda.is_empty
