"""Pseudonyms: who a subscriber is inside Cellwave, and what is left of an event once it is minimised.

One system key makes both. Nothing here can be turned back; the vault alone knows the number of a pseudonym.
"""

import base64
import hashlib
import hmac
import re
from typing import Final

from cellwave.domain.signalling import Event

KEY_BYTES: Final = 32

_KEY_ID = re.compile(r"[a-z][a-z0-9]")
_IMEI = re.compile(r"([0-9]{14})[0-9]{0,2}")
_DECORATION = re.compile(r"[\s./-]")


class Pseudonymizer:
    """Makes pseudonyms and device hashes under one key (HMAC-SHA-256, RFC 2104).

    `key_id` (a letter, then a letter or digit, both lower case) becomes part of every pseudonym, so that keys
    can be rotated. Raises ValueError for another form of it or a key under 32 bytes.
    """

    def __init__(self, key_id: str, key: bytes):
        if not _KEY_ID.fullmatch(key_id):
            raise ValueError("a key id is a lower-case letter and a lower-case letter or digit, such as k1")
        if len(key) < KEY_BYTES:
            raise ValueError(f"a pseudonym key has at least {KEY_BYTES} bytes")
        self.key_id = key_id
        self._key = key

    def __repr__(self) -> str:
        """Name the key, never show it."""
        return f"Pseudonymizer({self.key_id!r})"

    def of(self, msisdn: str, epoch: int = 0) -> str:
        """Return the pseudonym of a canonical MSISDN in an ownership epoch (numbers are recycled)."""
        return f"{self.key_id}-{self._hash(f'{msisdn}#{epoch}', size=16)}"

    def device(self, imei14: str) -> str:
        """Return the keyed hash, 12 characters, of an IMEI's first 14 digits (the 15th is a check digit)."""
        return self._hash(f"imei#{imei14}", size=9)

    def minimise(self, sub: str, ts: int, type: str, *, cell: str = "", imei: str = "", plmn: str = "") -> Event:
        """Return the event of a pseudonym as the stream may hold it.

        An IMEI (14 to 16 digits) becomes its TAC and a keyed hash; another text there reports no device.
        Other people's numbers, texts and hosts have no way in: no kind of trigger published today names them.
        """
        digits = imei14(imei)
        if not digits:
            return Event(sub, ts, type, cell, plmn=plmn)
        return Event(sub, ts, type, cell, digits[:8], self.device(digits), plmn)

    def _hash(self, text: str, size: int) -> str:
        digest = hmac.digest(self._key, text.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:size]).rstrip(b"=").decode()


def imei14(text: str) -> str:
    """Return the first 14 digits of an IMEI or IMEISV (3GPP TS 23.003, 6.2); empty where it is none."""
    found = _IMEI.fullmatch(_DECORATION.sub("", text)) if text else None
    return found[1] if found else ""
