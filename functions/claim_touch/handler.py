"""POST /v1/claims: the last look before a touch leaves."""

from functools import cache
from typing import TYPE_CHECKING, Any

import settings

from cellwave.bootstrap import Wiring
from cellwave.contracts.api import ClaimBody, respond
from cellwave.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LOG = logger("claim_touch")


@cache
def _wiring() -> Wiring:
    return Wiring.of(settings.NEEDS)


@LOG.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: "LambdaContext") -> dict[str, Any]:
    """Answer with the verdict; with number and text only if it is `claimed`."""
    wiring = _wiring()
    answer = respond(event, ClaimBody, lambda body: wiring.claimer.claim(wiring.registry.current(), body.touch))
    LOG.info("answered", extra={"status": answer["statusCode"]})
    return answer
