"""POST /v1/offers: what to offer to the subscriber in front of a passive channel."""

from functools import cache
from typing import TYPE_CHECKING, Any

import settings

from cellwave.application.query_offers import Offer
from cellwave.bootstrap import Wiring
from cellwave.contracts.api import OffersBody, respond
from cellwave.domain.identifiers import canonical_msisdn
from cellwave.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LOG = logger("query_offers")


@cache
def _wiring() -> Wiring:
    return Wiring.of(settings.NEEDS)


@LOG.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: "LambdaContext") -> dict[str, Any]:
    """Answer with the offers, best first. The number is used in memory and kept nowhere."""
    wiring = _wiring()

    def offers(body: OffersBody) -> list[Offer]:
        sub = wiring.pseudonymizer.of(canonical_msisdn(body.msisdn))
        return wiring.desk.offers(wiring.registry.current(), sub, body.channel)

    answer = respond(event, OffersBody, offers)
    LOG.info("answered", extra={"status": answer["statusCode"]})
    return answer
