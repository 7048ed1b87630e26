"""Schedule -> ticks: four a minute, so that a timer fires within 20 s of being due."""

import time
from functools import cache
from typing import Any, Final

import settings

from cellwave.bootstrap import Wiring

TICKS: Final = 4
EVERY_SECONDS: Final = 15.0


@cache
def _wiring() -> Wiring:
    return Wiring.of(settings.NEEDS)


def handler(_event: object, _context: object) -> dict[str, Any]:
    """Tell every lane, at 0, 15, 30 and 45 s, how far stream time has come."""
    wiring = _wiring()
    begun = time.monotonic()
    for number in range(TICKS):
        time.sleep(max(0.0, begun + number * EVERY_SECONDS - time.monotonic()))
        wiring.ticks.tick(wiring.clock.now())
    return {"ticks": TICKS}
