import pytest

from cellwave.adapters.clock import StreamClock
from cellwave.adapters.memory import ManualClock


def test_on_wall_time_the_stream_s_time_is_the_wall_s() -> None:
    clock = StreamClock("wall", lambda: 1_763_800_000.25)
    assert clock.now() == 1_763_800_000_250
    assert clock.wall() == 1_763_800_000


def test_a_scaled_clock_runs_from_its_start_by_its_scale() -> None:
    wall = 1_763_800_000.0
    clock = StreamClock("1763800000000,1000000000000,3600", lambda: wall)
    assert clock.now() == 1_000_000_000_000
    wall += 2.5
    assert clock.now() == 1_000_000_000_000 + 9_000_000
    assert clock.wall() == 1_763_800_002


@pytest.mark.parametrize(
    "written", ["", "Wall", "1,2", "1,2,3,4", "a,b,c", "1,2,0", "1,2,-1", "1,2,nan", "inf,2,1", "1,inf,1"]
)
def test_any_other_text_is_refused_with_what_was_expected(written: str) -> None:
    with pytest.raises(ValueError, match="not a stream clock"):
        StreamClock(written)


def test_a_manual_clock_moves_both_times_when_told_to() -> None:
    clock = ManualClock(stream=5_000, wall=100)
    clock.advance(2_500)
    assert (clock.now(), clock.wall()) == (7_500, 102)
