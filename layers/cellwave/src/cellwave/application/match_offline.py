"""Match a whole file's events, by the deployed matcher's engine: for analysts, tests and back-tests."""

from collections.abc import Container, Iterable, Mapping
from operator import attrgetter

from cellwave.domain.campaign import Match
from cellwave.domain.engine import Firing, Member, SubscriberState, advance, fire_due, gate
from cellwave.domain.rules import Rules
from cellwave.domain.signalling import Event


def match_events(rules: Rules, lists: Mapping[str, Container[str]], events: Iterable[Event]) -> list[Match]:
    """Return the matches of a stream of events, in the order of trigger time, subscriber, campaign.

    `lists` holds the subscribers of each target list that a campaign names (KeyError otherwise). The stream's
    end fires what is due by the greatest `ts` of all events. Memory holds states and matches, not the events.
    """
    run = _Run(rules, lists)
    greatest = 0
    for event in events:
        greatest = max(greatest, event.ts)
        run.take(event)
    return run.finish(greatest)


class _Run:
    """The states of all subscribers seen where it matters, and what has matched so far."""

    def __init__(self, rules: Rules, lists: Mapping[str, Container[str]]):
        self._rules = rules
        self._lists = lists
        self._states: dict[str, SubscriberState] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._matches: list[Match] = []

    def take(self, event: Event) -> None:
        """Advance the event's subscriber; nothing is kept for one who has no state after it."""
        state = self._states.get(event.sub)
        if state is None:
            if event.cell not in self._rules.cells:
                return
            state = SubscriberState()
        step = advance(self._rules, state, event, self._member(event.sub))
        if step.changed:
            self._states[event.sub] = state
            self._admit(step.firings)

    def finish(self, now: int) -> list[Match]:
        """Fire what is due by `now` for everyone, and return all matches in order."""
        for sub, state in self._states.items():
            self._admit(fire_due(self._rules, state, sub, now, self._member(sub)).firings)
        return sorted(self._matches, key=attrgetter("trigger_ts", "sub", "campaign"))

    def _member(self, sub: str) -> Member:
        return lambda name: sub in self._lists[name]

    def _admit(self, firings: Iterable[Firing]) -> None:
        """Pass firings through dates, holdout and re-entry, in the order in which they came."""
        for firing in firings:
            campaign = self._rules.campaigns[firing.campaign]
            match = gate(campaign, firing)
            key = (firing.campaign, firing.sub)
            if match and campaign.may_enter_again(firing.ts, self._last.get(key)):
                self._last[key] = firing.ts
                self._matches.append(match)
