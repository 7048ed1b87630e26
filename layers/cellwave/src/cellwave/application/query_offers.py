"""The next best offers of the one subscriber in front of a counter, a hotline agent or a web page."""

from dataclasses import dataclass
from typing import Final

from cellwave.application.placements import touch_of
from cellwave.domain.journey import Journey, is_offerable, shown
from cellwave.domain.ruleset import Ruleset
from cellwave.ports.clock import Clock
from cellwave.ports.delivery import TouchTokens
from cellwave.ports.journeys import JourneyStore

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer to make now. `considering`: the subscriber showed interest before, so it comes first."""

    touch: str
    campaign: str
    product: str
    offer: str
    text: str
    considering: bool


@dataclass(frozen=True, slots=True)
class OfferDesk:
    """Answers passive channels."""

    journeys: JourneyStore
    tokens: TouchTokens
    clock: Clock

    def offers(self, ruleset: Ruleset, sub: str, channel: str) -> list[Offer]:
        """Return what may be offered on the channel, interest first, then by the campaign's priority.

        A passive touch counts as made when it is shown, so that is written before the offer is returned; an
        offer whose journey was closed meanwhile is left out.
        """
        now = self.clock.now()
        ranked = sorted(self.journeys.of(sub), key=lambda journey: _rank(ruleset, journey))
        offers: dict[str, Offer] = {}
        for journey in ranked:
            if journey.product not in offers:
                made = self._show(ruleset, journey, channel, now)
                if made is not None:
                    offers[journey.product] = _offer(ruleset, made, channel, touch_of(self.tokens, made))
        return list(offers.values())

    def _show(self, ruleset: Ruleset, journey: Journey, channel: str, now: int) -> Journey | None:
        for _ in range(_TRIES):
            flow = ruleset.flows[journey.flow]
            if not is_offerable(flow, journey, channel, now):
                return None
            after = shown(flow, journey, channel)
            if after == journey or self.journeys.replace([after])[0]:
                return after
            journey = self.journeys.get([(journey.sub, journey.id)])[journey.sub, journey.id]
        return None


def _rank(ruleset: Ruleset, journey: Journey) -> tuple[int, int, str]:
    campaign = ruleset.campaigns.get(journey.campaign)
    return (-journey.interest, -(campaign.priority if campaign else 0), journey.id)


def _words(ruleset: Ruleset, journey: Journey, channel: str) -> str:
    """Return the approved words for the channel: the current wave's, else those of a wave of the flow that uses it.

    Interest shown elsewhere is followed up on any passive channel; where the flow has no words for it, none.
    """
    waves = ruleset.flows[journey.flow].waves
    ranked = (waves[journey.node], *(waves[step.node] for step in reversed(journey.steps)), *waves.values())
    script = next((wave.script for wave in ranked if channel in wave.channels), "")
    return ruleset.scripts[script] if script else ""


def _offer(ruleset: Ruleset, journey: Journey, channel: str, touch: str) -> Offer:
    campaign = ruleset.campaigns.get(journey.campaign)
    return Offer(
        touch=touch,
        campaign=journey.campaign,
        product=journey.product,
        offer=campaign.offer if campaign else "",
        text=_words(ruleset, journey, channel),
        considering=journey.interest > 0,
    )
