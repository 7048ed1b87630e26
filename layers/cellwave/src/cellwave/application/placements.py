"""From journeys with a queued touch to messages for their channels' queues."""

from collections.abc import Iterable

from cellwave.domain.identifiers import wave_tag
from cellwave.domain.journey import Journey
from cellwave.domain.outcomes import TouchRef
from cellwave.ports.delivery import TouchTokens
from cellwave.ports.journeys import Placement


def touch_of(tokens: TouchTokens, journey: Journey) -> str:
    """Return the id of the journey's current touch."""
    return tokens.seal(TouchRef(journey.sub, journey.id, wave_tag(journey.wave), journey.attempt))


def place(tokens: TouchTokens, journeys: Iterable[Journey]) -> list[Placement]:
    """Return a message for each journey whose touch is queued; the others have nothing to send."""
    return [
        Placement(journey.channel, touch_of(tokens, journey))
        for journey in journeys
        if journey.state == "in" and journey.touch == "queued"
    ]
