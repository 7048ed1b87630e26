"""Signalling: what shows a subscriber, and what is late or ahead."""

import pytest

from cellwave.domain.signalling import AHEAD_AFTER_MS, EVENT_TYPES, LATE_AFTER_MS, Event, timeliness

CLOCK = 1_763_800_000_000


@pytest.mark.parametrize("type", sorted(EVENT_TYPES - {"power_off"}))
def test_any_event_that_bears_a_cell_also_is_a_sighting(type: str) -> None:
    assert Event("s", 1, type, "272-03-1-2").sighting_cell == "272-03-1-2"
    assert Event("s", 1, type).sighting_cell == ""


def test_a_power_off_shows_nobody_though_it_bears_a_cell() -> None:
    assert Event("s", 1, "power_off", "272-03-1-2").sighting_cell == ""


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        (CLOCK - LATE_AFTER_MS - 1, "late"),
        (CLOCK - LATE_AFTER_MS, "due"),
        (CLOCK, "due"),
        (CLOCK + AHEAD_AFTER_MS, "due"),
        (CLOCK + AHEAD_AFTER_MS + 1, "ahead"),
    ],
)
def test_late_is_more_than_ten_minutes_behind_and_ahead_more_than_sixty_seconds(ts: int, expected: str) -> None:
    assert timeliness(ts, CLOCK) == expected


def test_without_a_clock_nothing_is_late_or_ahead() -> None:
    assert timeliness(1, None) == timeliness(10**15, None) == "due"
