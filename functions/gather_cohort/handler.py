"""Wave machine -> who is in a first wave's cohort, at its due time."""

from functools import cache
from typing import Any

import settings

from cellwave.application.cohorts import WaveInput
from cellwave.application.run_waves import gather
from cellwave.bootstrap import Wiring


@cache
def _wiring() -> Wiring:
    return Wiring.of(settings.NEEDS)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return `members`: parts, a manifest, or null where nobody came."""
    return {"members": gather(_wiring().objects, WaveInput.read(event["in"]))}
