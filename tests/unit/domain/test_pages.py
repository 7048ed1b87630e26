"""Lanes: what is counted."""

from cellwave.domain.pages import Lane, Page


def test_a_lane_adds_up_what_it_counts_and_leaves_out_what_never_happened() -> None:
    lane = Lane(3)
    lane.count("events", 5)
    lane.count("events", 2)
    lane.count("late", 0)
    assert lane.counts == {"events": 7}


def test_new_pages_and_lanes_share_nothing() -> None:
    first, second = Page(1), Page(2)
    first.subscribers["s"] = {}
    first.positions["shard"] = 1
    assert (second.subscribers, second.positions) == ({}, {})
    one, other = Lane(1), Lane(2)
    one.count("events")
    assert other.counts == {}
