"""Holdout: who is kept aside to measure. Sticky by hash, so that nobody needs to remember it."""

import hashlib


def is_held_out(group: str, sub: str, percent: float) -> bool:
    """Tell whether a subscriber is held out of a group.

    The first 8 bytes of SHA-256 of `group ":" sub`, big-endian, modulo 10,000, below `percent` x 100.
    """
    number = int.from_bytes(hashlib.sha256(f"{group}:{sub}".encode()).digest()[:8], "big")
    return number % 10_000 < percent * 100
