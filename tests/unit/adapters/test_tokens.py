import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwave.adapters.memory import MemorySystemKeys
from cellwave.adapters.packing import pack, pack_pseudonym
from cellwave.adapters.tokens import SealedTouchTokens
from cellwave.domain.errors import NotFound
from cellwave.domain.outcomes import TouchRef

SEED = b"s" * 32
TOKENS = SealedTouchTokens(MemorySystemKeys(SEED))
key_ids = st.from_regex(r"[a-z][a-z0-9]", fullmatch=True)
refs = st.builds(
    TouchRef,
    sub=st.builds(pack_pseudonym, key_ids, st.binary(min_size=16, max_size=16)),
    journey=st.binary(min_size=12, max_size=12).map(pack),
    wave_tag=st.binary(min_size=9, max_size=9).map(pack),
    attempt=st.integers(0, 255),
)
REF = TouchRef("k1-AAAAAAAAAAAAAAAAAAAAAA", "A" * 16, "B" * 12, 1)


@given(refs)
def test_every_touch_comes_back_out_of_its_id(ref: TouchRef) -> None:
    assert TOKENS.open(TOKENS.seal(ref)) == ref
    assert len(TOKENS.seal(ref)) == 78


@given(refs)
def test_another_process_with_the_same_key_makes_the_same_id(ref: TouchRef) -> None:
    assert SealedTouchTokens(MemorySystemKeys(SEED)).seal(ref) == TOKENS.seal(ref)


@given(st.integers(0, 57), st.integers(1, 255))
def test_no_byte_of_an_id_can_be_changed(at: int, change: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(TOKENS.seal(REF) + "=="))
    raw[at] ^= change
    with pytest.raises(NotFound):
        TOKENS.open(pack(bytes(raw)))


@given(st.text(max_size=100))
def test_whatever_text_is_no_touch(text: str) -> None:
    with pytest.raises(NotFound):
        TOKENS.open(text)


def test_an_id_of_another_system_is_no_touch_here() -> None:
    with pytest.raises(NotFound):
        TOKENS.open(SealedTouchTokens(MemorySystemKeys(b"o" * 32)).seal(REF))


@pytest.mark.parametrize(
    "ref",
    [
        TouchRef("353851234567", "A" * 16, "B" * 12, 1),
        TouchRef(REF.sub, "A" * 15, "B" * 12, 1),
        TouchRef(REF.sub, "A" * 16, "B", 1),
    ],
)
def test_what_is_no_touch_of_cellwave_s_is_not_sealed(ref: TouchRef) -> None:
    with pytest.raises(ValueError, match=r"not a pseudonym|base64url"):
        TOKENS.seal(ref)


@pytest.mark.parametrize("attempt", [-1, 256])
def test_an_attempt_that_does_not_fit_is_not_sealed(attempt: int) -> None:
    with pytest.raises(OverflowError):
        TOKENS.seal(TouchRef(REF.sub, REF.journey, REF.wave_tag, attempt))
