"""Open journeys for matches: mark, journey, first touch, cohort. Safe to repeat at any point."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cellwave.application.cohorts import Cohorts
from cellwave.application.placements import place
from cellwave.domain.campaign import Match
from cellwave.domain.journey import Journey, at_start, begin
from cellwave.domain.ruleset import Ruleset
from cellwave.ports.clock import Clock
from cellwave.ports.delivery import ChannelQueues, TouchTokens
from cellwave.ports.journeys import JourneyStore, Mark


@dataclass(frozen=True, slots=True)
class JourneyOpener:
    """Opens journeys. What it does for a match twice, it does once."""

    journeys: JourneyStore
    queues: ChannelQueues
    tokens: TouchTokens
    cohorts: Cohorts
    clock: Clock

    def open(self, ruleset: Ruleset, matches: Iterable[Match]) -> list[Journey]:
        """Open a journey for each match that the re-entry period lets in, and send first touches at once.

        Matches come in the order in which they fired. All effects of a subscriber's match in a campaign are done
        before the next one of the same pair is marked, so that a retry may take a mark of later time as done.
        """
        opened: list[Journey] = []
        for batch in _rounds(matches):
            opened += self._open_round(ruleset, batch)
        return opened

    def _open_round(self, ruleset: Ruleset, matches: Sequence[Match]) -> list[Journey]:
        campaigns = [ruleset.campaigns[match.campaign] for match in matches]
        marks = [
            Mark(match.sub, match.campaign, match.trigger_ts, campaign.reentry_hours)
            for match, campaign in zip(matches, campaigns, strict=True)
        ]
        now = self.clock.now()
        entering = [
            begin(match, campaign, ruleset.flow_of(campaign), now)
            for match, campaign, result in zip(matches, campaigns, self.journeys.mark(marks), strict=True)
            if result != "spent"
        ]
        standing = self.journeys.create(entering)
        running = [journey for journey in standing if journey.state == "in"]
        self.queues.send(place(self.tokens, running))
        # One that was answered before a crashed batch came back is ahead of its cohort, and yet a member of it.
        self.cohorts.join_first_wave([at_start(ruleset.flows[journey.flow], journey) for journey in running])
        return standing


def _rounds(matches: Iterable[Match]) -> Iterator[list[Match]]:
    """Split matches into rounds, in order, in each of which a (campaign, subscriber) occurs at most once."""
    batch: list[Match] = []
    seen: set[tuple[str, str]] = set()
    for match in matches:
        pair = (match.campaign, match.sub)
        if pair in seen:
            yield batch
            batch, seen = [], set()
        batch.append(match)
        seen.add(pair)
    if batch:
        yield batch
