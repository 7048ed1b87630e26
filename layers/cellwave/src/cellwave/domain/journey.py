"""Journeys: one subscriber's run through a flow for a campaign, and the touch inside it.

Everything here is pure: a journey and what happened go in, the next journey comes out. The same functions run
behind the API, in the wave machine and in a simulation, so equal input gives equal journeys wherever they run.

     (absent) --match--> in, queued|open          or held_out, or ended (context_expired: too late to begin)
     in, queued --claim--> in, claimed --report--> sent, delivered
     in --accepted | refused--> closed            on any touch, channel or campaign of the product
     in --considering--> in, at the next node     or in, where it is, if the port leads nowhere
     in --undeliverable--> in, queued again       while attempts are left; then the next node, or ended
     in --window over--> in, at the next node     or over, without a write: readers see that `due` has passed
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from cellwave.domain.campaign import HOUR_MS, Campaign, Match
from cellwave.domain.flow import Flow, bucket_end
from cellwave.domain.identifiers import journey_id, wave_id, wave_tag

CLAIM_MARGIN_MS: Final = 60_000
"""How long before its time is over a touch can last be claimed: longer than a claim takes, so that none crosses it."""

State = Literal["in", "closed", "ended", "held_out"]
TouchState = Literal["none", "queued", "open", "claimed", "sent", "delivered", "failed", "shown"]
Answer = Literal["accepted", "refused", "considering", "undeliverable", "sent", "delivered"]

ANSWERS: Final[tuple[Answer, ...]] = get_args(Answer)
_REPORTS: Final[dict[str, TouchState]] = {"sent": "sent", "delivered": "delivered"}
_MADE: Final[tuple[TouchState, ...]] = ("claimed", "sent", "delivered", "failed", "shown")
_BEFORE: Final[dict[str, tuple[TouchState, ...]]] = {"sent": ("claimed",), "delivered": ("claimed", "sent")}


@dataclass(frozen=True, slots=True)
class Step:
    """A wave that a journey has left: its node, the port it left by, the touch's last state and the attempts made.

    `tag` names the wave as its touch ids do.
    """

    node: str
    port: str
    touch: TouchState
    attempts: int
    channel: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Journey:
    """One subscriber's run through a flow for a campaign. Times are stream ms.

    `due` ends the current wave's window; `respond_by` is the last moment for its touch to leave; `port` tells how
    a closed or ended journey ended; `answer` is what was said in the current wave without moving it; `interest` is
    when the subscriber last said "considering" (0: never); `revision` counts the writes, and every write is
    conditional on the one it was decided from.
    """

    id: str
    sub: str
    campaign: str
    product: str
    flow: str
    trigger_ts: int
    state: State
    node: str
    wave: str
    due: int
    respond_by: int
    touch: TouchState
    parent: str = ""
    attempt: int = 1
    channel: str = ""
    port: str = ""
    answer: str = ""
    interest: int = 0
    steps: tuple[Step, ...] = ()
    revision: int = 0

    @property
    def path(self) -> tuple[str, ...]:
        """The nodes visited, the current one last."""
        return (*(step.node for step in self.steps), self.node)


def begin(match: Match, campaign: Campaign, flow: Flow, now: int) -> Journey:
    """Return the journey that a match opens at stream time `now`.

    The response window bounds the first touch from the trigger time; the wave's window ends with its bucket.
    """
    wave = flow.waves[flow.start]
    name, due = _first_wave(flow, match.trigger_ts)
    respond_by = min(match.trigger_ts + campaign.respond_within_hours * HOUR_MS, due)
    journey = Journey(
        id=journey_id(match.campaign, match.sub, match.trigger_ts),
        sub=match.sub,
        campaign=match.campaign,
        product=campaign.product,
        flow=flow.key,
        trigger_ts=match.trigger_ts,
        state="in",
        node=flow.start,
        wave=name,
        due=due,
        respond_by=respond_by,
        touch="queued" if wave.is_active else "open",
        channel=wave.channels[0] if wave.is_active else "",
    )
    if match.held_out:
        return replace(journey, state="held_out", touch="none", channel="")
    if now >= respond_by:
        return replace(journey, state="ended", port="context_expired", touch="none", channel="")
    return journey


def _first_wave(flow: Flow, trigger_ts: int) -> tuple[str, int]:
    due = bucket_end(trigger_ts + flow.waves[flow.start].window_ms)
    return wave_id("", flow.key, flow.start, due), due


def at_start(flow: Flow, journey: Journey) -> Journey:
    """Return the journey as a member of its first wave's cohort, however far it has come: one that went ahead too."""
    name, due = _first_wave(flow, journey.trigger_ts)
    return replace(journey, node=flow.start, wave=name, due=due, parent="", steps=())


def next_wave(flow: Flow, wave: str, due: int, target: str) -> tuple[str, int]:
    """Return id and due time (stream ms) of the wave at `target` that follows a wave: never now + window."""
    next_due = due + flow.waves[target].window_ms
    return wave_id(wave, flow.key, target, next_due), next_due


def enter(flow: Flow, journey: Journey, target: str, port: str) -> Journey:
    """Return the journey moved to the next node by a port."""
    wave = flow.waves[target]
    name, due = next_wave(flow, journey.wave, journey.due, target)
    return replace(
        journey,
        node=target,
        wave=name,
        parent=journey.wave,
        due=due,
        respond_by=due,
        touch="queued" if wave.is_active else "open",
        channel=wave.channels[0] if wave.is_active else "",
        attempt=1,
        answer="",
        steps=(*journey.steps, _step(journey, port)),
    )


def _step(journey: Journey, port: str) -> Step:
    return Step(journey.node, port, journey.touch, journey.attempt, journey.channel, wave_tag(journey.wave))


def close(journey: Journey, answer: str) -> Journey:
    """Return the journey closed by an accept or a refuse, wherever that was said; one not open stays as it is."""
    return replace(journey, state="closed", port=answer) if journey.state == "in" else journey


def _leave(flow: Flow, journey: Journey, port: str) -> Journey:
    target = flow.waves[journey.node].next.get(port)
    if target is None:
        return replace(journey, state="ended", port=port)
    return enter(flow, journey, target, port)


def answered(
    flow: Flow, journey: Journey, tag: str, attempt: int, answer: Answer, channel: str, at: int, now: int
) -> Journey:
    """Return the journey after an answer or a delivery report on the touch of wave tag `tag` and `attempt`.

    `at` is when it was said, `now` when it arrives (stream ms): a window that is over is over, whatever was said in
    it. What arrives after the journey has moved on moves nothing (an accept or a refuse still closes it, and interest
    is noted). An answer given on a channel that the current wave does not use, as when interest is followed up
    at the counter while a call is queued, moves nothing either unless it closes.
    """
    if journey.state != "in":
        return journey
    if answer in ("accepted", "refused"):
        return close(journey, answer)
    noted = replace(journey, interest=max(journey.interest, at)) if answer == "considering" else journey
    is_current = wave_tag(journey.wave) == tag and journey.attempt == attempt and now < journey.due
    if not is_current or channel not in flow.waves[journey.node].channels:
        return noted
    if answer in _REPORTS:
        return replace(journey, touch=_REPORTS[answer]) if journey.touch in _BEFORE[answer] else journey
    used = replace(noted, channel=channel)
    if answer == "considering":
        # Without a way on, the journey waits where it is: the offer is made again at the next contact.
        is_led_on = "considering" in flow.waves[journey.node].next
        return _leave(flow, used, answer) if is_led_on else replace(used, answer=answer)
    failed = replace(used, touch="failed")
    if flow.waves[journey.node].is_active and journey.attempt < flow.waves[journey.node].attempts:
        return replace(used, attempt=journey.attempt + 1, touch="queued")
    return _leave(flow, failed, "undeliverable")


def timeout_port(journey: Journey) -> str:
    """Return the port by which a journey leaves when its window is over without an answer.

    A touch that nobody claimed in time has expired; any other was made and brought no response, or consideration.
    """
    return journey.answer or ("context_expired" if journey.touch == "queued" else "no_response")


def timed_out(flow: Flow, journey: Journey) -> str | None:
    """Return the node to which an open journey goes when its window is over, None where it ends."""
    return flow.waves[journey.node].next.get(timeout_port(journey))


Claim = Literal["claimed", "already_claimed", "revoked", "expired"]


def claim(journey: Journey, tag: str, attempt: int, now: int) -> tuple[Claim, Journey]:
    """Take the last look before an active touch leaves: return the verdict and the journey after it."""
    if journey.state != "in" or wave_tag(journey.wave) != tag or journey.attempt != attempt:
        return "revoked", journey
    if journey.touch != "queued":
        return "already_claimed", journey
    if now >= journey.respond_by - CLAIM_MARGIN_MS:
        return "expired", journey
    return "claimed", replace(journey, touch="claimed")


def is_offerable(flow: Flow, journey: Journey, channel: str, now: int) -> bool:
    """Tell whether a passive channel may offer this journey's product to the subscriber in front of it.

    Either its wave waits on that channel, or the subscriber was considering: that is offered again at the next
    contact on any passive channel.
    """
    if journey.state != "in" or now >= journey.respond_by:
        return False
    return bool(journey.interest) or channel in flow.waves[journey.node].channels


def shown(flow: Flow, journey: Journey, channel: str) -> Journey:
    """Return the journey after a passive channel has shown its offer: a passive touch counts as made then."""
    if channel not in flow.waves[journey.node].channels or journey.touch == "shown":
        return journey
    return replace(journey, touch="shown", channel=channel)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a member of a wave goes when it is collected: `target` None: out of the flow; `ahead`: there already."""

    target: str | None
    ahead: bool = False


def route(flow: Flow, journey: Journey, wave: str, node: str, depth: int) -> Route:
    """Return where a member of `wave` at `node` (the `depth`-th of its path, from 0) goes when the window is over."""
    if journey.state != "in" or journey.path[depth : depth + 1] != (node,):
        return Route(None)
    if journey.wave == wave:
        return Route(timed_out(flow, journey))
    if len(journey.steps) > depth:
        return Route(journey.path[depth + 1], ahead=True)
    return Route(None)


def ending(flow: Flow, journey: Journey, now: int) -> str:
    """Return how a journey ended: a port, `held_out`, or `open` while it runs.

    A journey whose last window is over needs no write to end: it is read as ended.
    """
    if journey.state == "held_out":
        return "held_out"
    if journey.state in ("closed", "ended"):
        return journey.port
    if now >= journey.due and timed_out(flow, journey) is None:
        return timeout_port(journey)
    return "open"


def touches(journey: Journey) -> Sequence[Step]:
    """Return every touch that was made, wave by wave, the current one last; one step for each attempt.

    Of several attempts in a wave all but the last have failed.
    """
    made = []
    for step in (*journey.steps, _step(journey, journey.port or "open")):
        made += [replace(step, touch="failed", attempts=number) for number in range(1, step.attempts)]
        made += [step] if step.touch in _MADE else []
    return made
