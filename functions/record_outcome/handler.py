"""POST /v1/outcomes: what came back of a touch."""

from functools import cache
from typing import TYPE_CHECKING, Any

import settings

from cellwave.application.record_outcome import Recorded, Report
from cellwave.bootstrap import Wiring
from cellwave.contracts.api import OutcomeBody, respond
from cellwave.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LOG = logger("record_outcome")


@cache
def _wiring() -> Wiring:
    return Wiring.of(settings.NEEDS)


@LOG.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: "LambdaContext") -> dict[str, Any]:
    """Record the outcome once, and do what it decides."""
    wiring = _wiring()

    def record(body: OutcomeBody) -> Recorded:
        report = Report(body.touch, body.outcome, body.channel or "", body.at, body.key)
        return wiring.recorder.record(wiring.registry.current(), report)

    answer = respond(event, OutcomeBody, record)
    LOG.info("answered", extra={"status": answer["statusCode"]})
    return answer
