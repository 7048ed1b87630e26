"""Wave machine -> where a shard of a cohort goes, now that the window is over."""

from functools import cache
from typing import Any

import settings

from cellwave.application.cohorts import WaveInput
from cellwave.application.run_waves import collect, merge
from cellwave.bootstrap import Wiring


@cache
def _wiring() -> Wiring:
    return Wiring.of(settings.NEEDS)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """List the next waves' members; of a cohort of one shard, say at once what to start."""
    wiring = _wiring()
    wave = WaveInput.read(event["in"])
    flow = wiring.registry.current().flows[wave.flow]
    counts = collect(wiring.objects, wiring.journeys, flow, wave, event["item"]["parts"], event["index"])
    return {"next": merge(wiring.objects, flow, wave, [counts])} if event["single"] else {"collected": counts}
