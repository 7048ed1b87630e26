"""Claim a touch: the last look before it leaves. Only a claim returns a number and a text."""

from dataclasses import dataclass, replace
from typing import Final

from cellwave.domain.errors import Conflict, NotFound
from cellwave.domain.journey import Claim, Journey, claim
from cellwave.domain.ruleset import Ruleset
from cellwave.ports.clock import Clock
from cellwave.ports.delivery import TouchTokens
from cellwave.ports.journeys import JourneyStore
from cellwave.ports.people import Vault

_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Claimed:
    """The verdict; `number` and `text` are empty unless it is `claimed`."""

    status: Claim
    channel: str = ""
    number: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Claimer:
    """Claims touches."""

    journeys: JourneyStore
    vault: Vault
    tokens: TouchTokens
    clock: Clock

    def claim(self, ruleset: Ruleset, touch: str) -> Claimed:
        """Claim a touch by one conditional write, and return what may be sent.

        A refusal written before it wins; one after it comes too late for this touch. The number is read before
        the write: a claim that could not be answered is not made. Raises NotFound for a touch that does not exist.
        """
        ref = self.tokens.open(touch)
        number = ""
        for _ in range(_TRIES):
            journey = self.journeys.get([(ref.sub, ref.journey)]).get((ref.sub, ref.journey))
            if journey is None:
                raise NotFound("no such touch")
            verdict, after = claim(journey, ref.wave_tag, ref.attempt, self.clock.now())
            if verdict != "claimed":
                return Claimed(verdict)
            number = number or self.vault.number(ref.sub)
            text = script_of(ruleset, after)
            if self.journeys.replace([after])[0]:
                if self.clock.now() >= journey.respond_by:
                    self._give_back(journey)
                    return Claimed("expired")
                return Claimed("claimed", after.channel, number, text)
        raise Conflict("the journey keeps changing")

    def _give_back(self, journey: Journey) -> None:
        """Undo a claim whose write may have come after the window: its cohort may have been collected without it."""
        self.journeys.replace([replace(journey, revision=journey.revision + 1)])


def script_of(ruleset: Ruleset, journey: Journey) -> str:
    """Return the approved words for the journey's current wave."""
    return ruleset.scripts[ruleset.flows[journey.flow].waves[journey.node].script]
