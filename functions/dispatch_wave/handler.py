"""Wave machine -> enter a shard of a cohort into its wave and queue the touches."""

from functools import cache
from typing import Any

import settings

from cellwave.application.cohorts import WaveInput
from cellwave.bootstrap import Wiring


@cache
def _wiring() -> Wiring:
    return Wiring.of(settings.NEEDS)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Dispatch the parts in `item`; return how many journeys are in the wave by it."""
    wiring = _wiring()
    wave = WaveInput.read(event["in"])
    return {"entered": wiring.dispatcher.dispatch(wiring.registry.current(), wave, event["item"]["parts"])}
