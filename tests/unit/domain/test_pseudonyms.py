"""Pseudonyms and minimisation: the same person is the same pseudonym, and nothing leads back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwave.domain.identifiers import is_pseudonym
from cellwave.domain.pseudonyms import Pseudonymizer, imei14
from cellwave.domain.signalling import Event

KEYS = Pseudonymizer("k1", bytes(range(32)))
SUB = KEYS.of("353851234567")


def test_a_pseudonym_is_the_published_form_of_hmac_sha_256() -> None:
    """Worked out apart: printf '353851234567#0' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0001…1f."""
    assert SUB == "k1-DFOivjB5ox0lOYsLg1NKnA"


@settings(deadline=None)
@given(st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True), st.integers(0, 9))
def test_every_number_and_epoch_has_a_pseudonym_of_the_right_form(msisdn: str, epoch: int) -> None:
    sub = KEYS.of(msisdn, epoch)
    assert is_pseudonym(sub)
    assert sub.startswith("k1-")
    assert sub == Pseudonymizer("k1", bytes(range(32))).of(msisdn, epoch)
    assert msisdn not in sub


def test_another_number_epoch_or_key_is_another_pseudonym() -> None:
    others = [
        KEYS.of("353851234568"),
        KEYS.of("353851234567", 1),
        Pseudonymizer("k1", b"1" * 32).of("353851234567"),
    ]
    assert len({SUB, *others}) == 4


@pytest.mark.parametrize("key_id", ["", "k", "k12", "K1", "1k", "k-"])
def test_a_key_id_of_another_form_is_refused(key_id: str) -> None:
    with pytest.raises(ValueError, match="key id"):
        Pseudonymizer(key_id, b"0" * 32)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Pseudonymizer("k1", b"0" * 31)


def test_the_key_is_not_shown() -> None:
    assert repr(KEYS) == "Pseudonymizer('k1')"


def test_an_imei_becomes_its_tac_and_a_keyed_hash_of_14_digits() -> None:
    event = KEYS.minimise(SUB, 5, "device", imei="352099001761481", plmn="27203")
    assert event == Event(SUB, 5, "device", "", "35209900", KEYS.device("35209900176148"), "27203")
    assert len(event.device) == 12


def test_the_check_digit_and_the_software_version_are_no_other_device() -> None:
    forms = ["35209900176148", "352099001761481", "3520990017614823", "35-209900-176148-1"]
    assert len({KEYS.minimise(SUB, 5, "device", imei=form) for form in forms}) == 1


@pytest.mark.parametrize("imei", ["", "0", "3520990017614", "35209900176148237", "35209900176148x", "unknown"])
def test_what_is_no_imei_reports_no_device(imei: str) -> None:
    assert imei14(imei) == ""
    assert KEYS.minimise(SUB, 5, "sighting", cell="c", imei=imei) == Event(SUB, 5, "sighting", "c")


def test_a_device_hash_needs_the_key() -> None:
    assert KEYS.device("35209900176148") != Pseudonymizer("k1", b"1" * 32).device("35209900176148")
