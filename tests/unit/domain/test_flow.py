"""Flows: buckets of stream time, versions, what is active."""

import pytest

from cellwave.domain.flow import ACTIVE_CHANNELS, BUCKET_MS, PASSIVE_CHANNELS, Flow, Wave, bucket_end


@pytest.mark.parametrize(
    ("ts", "end"),
    [(0, 0), (1, BUCKET_MS), (BUCKET_MS - 1, BUCKET_MS), (BUCKET_MS, BUCKET_MS), (BUCKET_MS + 1, 2 * BUCKET_MS)],
)
def test_a_bucket_ends_at_the_next_quarter_of_an_hour_and_a_whole_bucket_is_its_own_end(ts: int, end: int) -> None:
    assert bucket_end(ts) == end


def test_a_wave_is_active_where_cellwave_makes_the_contact_and_passive_where_it_waits_to_be_asked() -> None:
    assert all(Wave("n", (channel,), "s", 1).is_active for channel in ACTIVE_CHANNELS)
    assert not any(Wave("n", (channel,), "s", 1).is_active for channel in PASSIVE_CHANNELS)


def test_a_flow_is_named_by_name_and_version_wherever_a_journey_refers_to_it() -> None:
    assert Flow("three-wave", 2, "text", {}).key == "three-wave@2"


def test_a_window_counts_in_whole_hours() -> None:
    assert Wave("n", ("sms",), "s", 24).window_ms == 86_400_000
