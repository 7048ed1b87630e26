"""Identifiers: the same on every retry, machine and day."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwave.domain.identifiers import (
    LANES,
    PARTITIONS,
    canonical_msisdn,
    digest,
    explicit_hash_key,
    is_pseudonym,
    journey_id,
    lane_of,
    partition_of,
    wave_id,
)


@pytest.mark.parametrize(
    "text",
    [
        "353851234567",
        "+353851234567",
        "00353851234567",
        "+353 85 123 4567",
        "+353 (85) 123-4567",
        "+353.85.1234567",
    ],
)
def test_every_way_of_writing_a_number_has_one_canonical_form(text: str) -> None:
    assert canonical_msisdn(text) == "353851234567"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "0851234567",
        "1234567",
        "1" * 16,
        "++353851234567",
        "35385123456x",
        "٣٥٣٨٥١٢٣٤٥٦٧",
        "+00353851234567",
    ],
)
def test_what_is_no_e164_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"E\.164"):
        canonical_msisdn(text)


@settings(deadline=None)
@given(st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True))
def test_a_canonical_number_is_its_own_form(msisdn: str) -> None:
    assert canonical_msisdn(msisdn) == msisdn
    assert canonical_msisdn("+" + msisdn) == msisdn


@pytest.mark.parametrize("text", ["k1-" + "a" * 22, "z9-" + "A0_-" * 5 + "xx"])
def test_pseudonyms_are_told_by_their_form(text: str) -> None:
    assert is_pseudonym(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "353851234567",
        "k1-" + "a" * 21,
        "k1-" + "a" * 23,
        "K1-" + "a" * 22,
        "k1_" + "a" * 22,
        "k1-" + "a" * 22 + "\n",
    ],
)
def test_nothing_else_passes_for_a_pseudonym(text: str) -> None:
    assert not is_pseudonym(text)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_a_partition_is_the_first_12_bits_of_sha_256_and_64_of_them_share_a_lane(sub: str) -> None:
    partition = partition_of(sub)
    assert partition == int(hashlib.sha256(sub.encode()).hexdigest()[:3], 16)
    assert 0 <= partition < PARTITIONS
    assert lane_of(partition) == partition // 64
    assert 0 <= lane_of(partition) < LANES


def test_lanes_spread_over_the_hash_range_so_that_none_straddles_shards() -> None:
    keys = [int(explicit_hash_key(lane)) for lane in range(LANES)]
    assert keys == [lane * 2**122 for lane in range(LANES)]
    for shards in (1, 2, 4, 8, 16, 32, 64):
        width = 2**128 // shards
        assert [key // width for key in keys] == [lane * shards // LANES for lane in range(LANES)]


def test_parts_of_a_digest_are_told_apart_by_their_lengths() -> None:
    assert digest("ab", "c", size=12) != digest("a", "bc", size=12)
    assert len(digest("ab", "c", size=12)) == 16


def test_a_journey_is_one_of_campaign_subscriber_and_trigger_time() -> None:
    one = journey_id("ringback", "k1-a", 5)
    assert one == journey_id("ringback", "k1-a", 5)
    assert (
        len(
            {
                one,
                journey_id("x", "k1-a", 5),
                journey_id("ringback", "k1-b", 5),
                journey_id("ringback", "k1-a", 6),
            }
        )
        == 4
    )


def test_a_wave_names_its_node_and_fits_an_execution_name() -> None:
    one = wave_id("", "three-wave@1", "text", 900_000)
    assert one.startswith("text-")
    assert len(wave_id("", "f@1", "n" * 32, 1)) <= 64
    assert one != wave_id("text-x", "three-wave@1", "text", 900_000)
