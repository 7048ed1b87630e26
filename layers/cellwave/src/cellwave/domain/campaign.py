"""Campaigns as the engine sees them: what, for whom, when, why."""

from dataclasses import dataclass

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class AreaEntered:
    """Fires when a stay in the area opens."""

    area: str


@dataclass(frozen=True, slots=True)
class AreaDwelled:
    """Fires once a stay, `minutes` (1 to 2,880) after its start, if it is open then."""

    area: str
    minutes: int


Trigger = AreaEntered | AreaDwelled


@dataclass(frozen=True, slots=True)
class Campaign:
    """A published campaign.

    `starts` (inclusive) and `ends` (exclusive) gate the firing, in stream ms, None for always; `counts_from` is
    the stream time of publication: what would fire before it does not. `reentry_hours` None means once.
    `holdout_group` is the product unless the campaign names another.
    """

    name: str
    product: str
    offer: str
    target_list: str
    trigger: Trigger
    respond_within_hours: int
    flow: str
    holdout_group: str
    reentry_hours: int | None = None
    holdout_percent: float = 0.0
    priority: int = 0
    value: float = 0.0
    starts: int | None = None
    ends: int | None = None
    counts_from: int | None = None

    def is_running(self, ts: int) -> bool:
        """Tell whether the campaign's dates and its publication let a trigger at stream time `ts` fire."""
        if self.counts_from is not None and ts < self.counts_from:
            return False
        return (self.starts is None or self.starts <= ts) and (self.ends is None or ts < self.ends)

    def may_enter_again(self, ts: int, last: int | None) -> bool:
        """Tell whether a trigger at `ts` may fire after one at `last` (None: never fired)."""
        if last is None:
            return True
        return self.reentry_hours is not None and ts >= last + self.reentry_hours * HOUR_MS


@dataclass(frozen=True, slots=True)
class Match:
    """A trigger that fired for a subscriber on the list, held out or not."""

    campaign: str
    sub: str
    trigger_ts: int
    held_out: bool
