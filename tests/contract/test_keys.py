"""The suites of SystemKeys and DataKeys."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from cellwave.adapters.kms import KeyRing, KmsDataKeys
from cellwave.adapters.memory import MemoryDataKeys, MemorySystemKeys
from cellwave.domain.errors import NotFound
from cellwave.ports.keys import KEY_BYTES, DataKeys, Purpose, SystemKeys

CONTEXT = {"purpose": "list", "list": "ringback"}


@pytest.fixture
def open_keys(world: Any) -> Callable[[], SystemKeys]:
    """Open the system's keys, as a new process does."""
    if world.in_memory:
        keys = MemorySystemKeys()
        return lambda: keys
    kms_key, table = world.kms_key(), world.table("registry")
    return lambda: KeyRing(world.aws.kms, kms_key, world.aws.dynamodb, table)


@pytest.fixture
def data_keys(world: Any) -> DataKeys:
    return MemoryDataKeys() if world.in_memory else KmsDataKeys(world.aws.kms, world.kms_key())


def test_each_purpose_has_a_key_of_its_own(open_keys: Callable[[], SystemKeys]) -> None:
    keys = open_keys()
    found = [keys.current(purpose) for purpose in get_args(Purpose)]
    assert {key.id for key in found} == {"k1"}
    assert len({key.material for key in found}) == 3
    assert all(len(key.material) == KEY_BYTES for key in found)


def test_every_process_has_the_same_key(open_keys: Callable[[], SystemKeys]) -> None:
    key = open_keys().current("touch")
    assert open_keys().current("touch") == key
    assert open_keys().of("touch", "k1") == key


def test_processes_that_start_at_once_end_with_one_key(
    open_keys: Callable[[], SystemKeys], race: Callable[..., list[Any]]
) -> None:
    rings = [open_keys() for _ in range(6)]
    found = race(lambda number: rings[number].current("pseudonym"), 6)
    assert {key.material for key in found} == {open_keys().current("pseudonym").material}


def test_a_key_that_was_never_made_is_not_found(open_keys: Callable[[], SystemKeys]) -> None:
    keys = open_keys()
    keys.current("touch")
    with pytest.raises(NotFound):
        keys.of("touch", "k2")


def test_a_key_does_not_show_itself(open_keys: Callable[[], SystemKeys]) -> None:
    key = open_keys().current("vault")
    assert repr(key) == "SystemKey(id='k1')"


def test_a_data_key_unwraps_under_its_own_context(data_keys: DataKeys) -> None:
    key, other = data_keys.new(CONTEXT), data_keys.new(CONTEXT)
    assert len(key.material) == KEY_BYTES
    assert key.material != other.material
    assert data_keys.unwrap(key.wrapped, dict(reversed(CONTEXT.items()))) == key.material


@pytest.mark.parametrize("context", [{}, {"purpose": "list", "list": "other"}, {**CONTEXT, "more": "x"}])
def test_a_data_key_does_not_unwrap_under_another_context(data_keys: DataKeys, context: dict[str, str]) -> None:
    key = data_keys.new(CONTEXT)
    with pytest.raises(NotFound):
        data_keys.unwrap(key.wrapped, context)


def test_what_was_tampered_with_does_not_unwrap(data_keys: DataKeys) -> None:
    wrapped = bytearray(data_keys.new(CONTEXT).wrapped)
    wrapped[len(wrapped) // 2] ^= 1
    with pytest.raises(NotFound):
        data_keys.unwrap(bytes(wrapped), CONTEXT)
