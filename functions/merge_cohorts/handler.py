"""Wave machine -> which waves to start, from what all shards of a cohort collected."""

from functools import cache
from typing import Any

import settings

from cellwave.application.cohorts import WaveInput
from cellwave.application.run_waves import counted, merge, shard_count
from cellwave.bootstrap import Wiring


@cache
def _wiring() -> Wiring:
    return Wiring.of(settings.NEEDS)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Regroup what was collected; return name and input of one execution a next node."""
    wiring = _wiring()
    wave = WaveInput.read(event["in"])
    shards = shard_count(wiring.objects, event["item"])
    counts = [counted(wiring.objects, wave, index) for index in range(shards)]
    return {"next": merge(wiring.objects, wiring.registry.current().flows[wave.flow], wave, counts)}
