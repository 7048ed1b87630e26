"""Keys of 32 bytes: the system's own, by purpose, and data keys made for one thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

KEY_BYTES: Final = 32

Purpose = Literal["pseudonym", "touch", "vault"]


@dataclass(frozen=True, slots=True)
class SystemKey:
    """A system key and its id (two characters, such as `k1`), which what was made with it bears."""

    id: str
    material: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key: as it is used, and wrapped as it may be stored. Never shown."""

    material: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)


class SystemKeys(Protocol):
    """The system's keys by purpose. The newest makes, every other one still reads."""

    def current(self, purpose: Purpose) -> SystemKey:
        """Return the newest key of a purpose, made now if there is none: whoever asks, there is one only."""
        ...

    def of(self, purpose: Purpose, key_id: str) -> SystemKey:
        """Return the key of this id. Raises NotFound."""
        ...


class DataKeys(Protocol):
    """Data keys under a context (not secret): what was wrapped under one opens under that one only."""

    def new(self, context: Mapping[str, str]) -> DataKey:
        """Return a new key."""
        ...

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the key that was wrapped. Raises NotFound for another context and for anything else."""
        ...
