"""Keys in memory: for tests and simulation only."""

import hashlib
import secrets
import threading
from collections.abc import Mapping

from cellwave.domain.errors import NotFound
from cellwave.ports.keys import KEY_BYTES, DataKey, Purpose, SystemKey


class MemorySystemKeys:
    """SystemKeys in memory: one key `k1` a purpose. With a seed they are the same every time."""

    def __init__(self, seed: bytes | None = None):
        self._seed = seed or secrets.token_bytes(32)

    def current(self, purpose: Purpose) -> SystemKey:
        """Return the key of a purpose."""
        return SystemKey("k1", hashlib.blake2b(purpose.encode(), key=self._seed, digest_size=KEY_BYTES).digest())

    def of(self, purpose: Purpose, key_id: str) -> SystemKey:
        """Return the key of this id. Raises NotFound."""
        key = self.current(purpose)
        if key_id != key.id:
            raise NotFound(f"no {purpose} key {key_id}")
        return key


class MemoryDataKeys:
    """DataKeys in memory: what is wrapped is a name, known to this object only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[tuple[bytes, tuple[tuple[str, str], ...]], bytes] = {}

    def new(self, context: Mapping[str, str]) -> DataKey:
        """Return a new key of 32 bytes."""
        key = DataKey(secrets.token_bytes(KEY_BYTES), secrets.token_bytes(16))
        with self._lock:
            self._keys[key.wrapped, tuple(sorted(context.items()))] = key.material
        return key

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the key that was wrapped. Raises NotFound."""
        try:
            return self._keys[wrapped, tuple(sorted(context.items()))]
        except KeyError:
            raise NotFound("no key was wrapped like this") from None
