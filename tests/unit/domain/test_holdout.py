"""Holdout: sticky by hash, the group the campaign's or its product's."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwave.domain.holdout import is_held_out

ANNA = int(hashlib.sha256(b"tone:anna").hexdigest()[:16], 16) % 10_000


@pytest.mark.parametrize(("share", "held"), [(ANNA, False), (ANNA + 1, True)])
def test_the_first_8_bytes_of_sha_256_of_group_and_sub_decide(share, held):
    """The first 8 bytes of SHA-256 of `group ":" sub`, big-endian, mod 10,000, below percent x 100."""
    assert is_held_out("tone", "anna", share / 100) == held


@given(st.text(), st.text())
def test_nobody_is_held_out_at_0_percent_and_everybody_at_100(group, sub):
    assert not is_held_out(group, sub, 0)
    assert is_held_out(group, sub, 100)


@given(st.text(), st.text(), st.floats(0, 100), st.floats(0, 100))
def test_a_larger_holdout_keeps_whom_the_smaller_one_held(group, sub, one, other):
    small, large = sorted((one, other))

    assert is_held_out(group, sub, large) >= is_held_out(group, sub, small)


def test_about_the_share_asked_for_is_held_out():
    held = sum(is_held_out("tone", f"k1-{number}", 5) for number in range(20_000))

    assert 900 < held < 1_100
