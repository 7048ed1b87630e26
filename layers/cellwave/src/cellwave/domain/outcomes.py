"""Outcomes: what came back from a touch. The ledger keeps each once."""

from dataclasses import dataclass

from cellwave.domain.identifiers import digest


@dataclass(frozen=True, slots=True)
class TouchRef:
    """What a touch id stands for. `wave` is the wave's tag (see `wave_tag`), not its whole id."""

    sub: str
    journey: str
    wave_tag: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One entry of the ledger: what a channel reported of a touch, at stream time `ts` (ms)."""

    id: str
    sub: str
    journey: str
    campaign: str
    product: str
    node: str
    wave: str
    attempt: int
    channel: str
    kind: str
    ts: int


def outcome_id(touch: str, kind: str, key: str) -> str:
    """Return the id of an outcome: the same touch, kind and reporter's key are the same outcome."""
    return digest("outcome", touch, kind, key, size=12)
