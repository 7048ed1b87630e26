"""Deterministic identifiers: the same input gives the same id on every retry, machine and day."""

import base64
import hashlib
import re

from cellwave.domain.errors import InputError

PARTITIONS = 4096
LANES = 64
PARTITIONS_A_LANE = PARTITIONS // LANES
_LANE_WIDTH = 2**128 // LANES

_PSEUDONYM = re.compile(r"[a-z][a-z0-9]-[A-Za-z0-9_-]{22}")
_MSISDN = re.compile(r"[1-9][0-9]{7,14}")
_DECORATION = re.compile(r"[\s().\-\u2010-\u2015]")


def canonical_msisdn(text: str) -> str:
    """Return the canonical form of an E.164 number: 8 to 15 digits, country code first, no sign.

    `+353 85 123 4567` and `00353851234567` become `353851234567` (ITU-T E.164, clause 6). Raises InputError.
    """
    digits = _DECORATION.sub("", text)
    digits = digits[1:] if digits.startswith("+") else digits.removeprefix("00")
    if not (digits.isascii() and _MSISDN.fullmatch(digits)):
        raise InputError("not an E.164 number: 8 to 15 digits with the country code first")
    return digits


def is_pseudonym(text: str) -> bool:
    """Tell whether the text has a pseudonym's form: two characters of key id, a dash, 22 of base64url."""
    return _PSEUDONYM.fullmatch(text) is not None


def partition_of(sub: str) -> int:
    """Return the logical partition of a subscriber, 0..4095: the first 12 bits of SHA-256 of its pseudonym."""
    digest = hashlib.sha256(sub.encode()).digest()
    return digest[0] << 4 | digest[1] >> 4


def lane_of(partition: int) -> int:
    """Return the lane, 0..63, that carries a partition's events; order is kept within a lane."""
    return partition // PARTITIONS_A_LANE


def explicit_hash_key(lane: int) -> str:
    """Return Kinesis' ExplicitHashKey of a lane: one point of the hash range, so that no lane straddles shards."""
    return str(lane * _LANE_WIDTH)


def digest(*parts: str, size: int) -> str:
    """Return `size` bytes of SHA-256 over the parts, told apart by their lengths, as base64url without padding."""
    hasher = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        hasher.update(len(raw).to_bytes(4, "big"))
        hasher.update(raw)
    return base64.urlsafe_b64encode(hasher.digest()[:size]).rstrip(b"=").decode()


def journey_id(campaign: str, sub: str, trigger_ts: int) -> str:
    """Return the id of the journey that this match opens: 12 bytes, 16 characters."""
    return digest("journey", campaign, sub, str(trigger_ts), size=12)


def wave_id(parent: str, flow: str, node: str, due: int) -> str:
    """Return the id of a wave: of the same parent, flow version, node and due time there is one only.

    `parent` is empty for a flow's first wave. The result is at most 64 characters, safe in an execution name
    and an object key (node ids are at most 32 characters of `[A-Za-z0-9_-]`).
    """
    return f"{node}-{digest('wave', parent, flow, node, str(due), size=18)}"


def wave_tag(wave: str) -> str:
    """Return the 12 characters by which a touch id names its wave."""
    return digest("tag", wave, size=9)
