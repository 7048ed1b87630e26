"""Touch ids: what a touch is, sealed under the touch key, so that it needs no table and means nothing outside.

| bytes | of a touch id, before base64url |
| --- | --- |
| 2 | the touch key's id |
| 56 | AES-SIV (RFC 5297: deterministic, authenticated) of the 40 below, the key's id authenticated with them |

| bytes | sealed |
| --- | --- |
| 2 + 16 | the pseudonym: its key's id and its bytes |
| 12 | the journey id |
| 9 | the wave's tag |
| 1 | the attempt |
"""

from typing import TYPE_CHECKING, Final

from cellwave.adapters.packing import KEY_ID, PSEUDONYM, pack, pack_pseudonym, unpack, unpack_pseudonym
from cellwave.domain.errors import NotFound
from cellwave.domain.outcomes import TouchRef
from cellwave.ports.keys import SystemKey, SystemKeys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_JOURNEY: Final = 12
_TAG: Final = 9
_SIV: Final = 16
_CONTENT: Final = KEY_ID + PSEUDONYM + _JOURNEY + _TAG + 1
_SIZE: Final = KEY_ID + _SIV + _CONTENT


class SealedTouchTokens:
    """TouchTokens under the system's touch key."""

    def __init__(self, keys: SystemKeys):
        self._keys = keys

    def seal(self, ref: TouchRef) -> str:
        """Return the touch id: 78 characters of base64url. Raises ValueError for a reference not of Cellwave's."""
        key_id, pseudonym = unpack_pseudonym(ref.sub)
        content = b"".join(
            (
                key_id.encode(),
                pseudonym,
                unpack(ref.journey, _JOURNEY),
                unpack(ref.wave_tag, _TAG),
                ref.attempt.to_bytes(1, "big"),
            )
        )
        key = self._keys.current("touch")
        return pack(key.id.encode() + _cipher(key).encrypt(content, [key.id.encode()]))

    def open(self, token: str) -> TouchRef:
        """Return what a touch id stands for. Raises NotFound."""
        from cryptography.exceptions import InvalidTag

        try:
            raw = unpack(token, _SIZE)
            key = self._keys.of("touch", raw[:KEY_ID].decode("ascii"))
            content = _cipher(key).decrypt(raw[KEY_ID:], [key.id.encode()])
        except (ValueError, InvalidTag):
            raise NotFound("no such touch") from None
        return _ref_of(content)


def _ref_of(content: bytes) -> TouchRef:
    journey = KEY_ID + PSEUDONYM
    tag = journey + _JOURNEY
    attempt = tag + _TAG
    return TouchRef(
        sub=pack_pseudonym(content[:KEY_ID].decode(), content[KEY_ID:journey]),
        journey=pack(content[journey:tag]),
        wave_tag=pack(content[tag:attempt]),
        attempt=content[attempt],
    )


def _cipher(key: SystemKey) -> "AESSIV":
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(key.material)
