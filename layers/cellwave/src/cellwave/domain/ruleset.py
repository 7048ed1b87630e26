"""The ruleset: all that is published, at one version. Every function works from one snapshot of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cellwave.domain.campaign import Campaign
from cellwave.domain.flow import Flow


@dataclass(frozen=True, slots=True)
class ListVersion:
    """A sealed target list: which version of it, how many are on it, and where its shards lie."""

    name: str
    version: int
    count: int
    prefix: str


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What is published. `flows` holds, by key, every version that a journey may run; `current` the newest by name."""

    version: int = 0
    campaigns: Mapping[str, Campaign] = field(default_factory=dict)
    areas: Mapping[str, frozenset[str]] = field(default_factory=dict)
    flows: Mapping[str, Flow] = field(default_factory=dict)
    current: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, ListVersion] = field(default_factory=dict)

    def flow_of(self, campaign: Campaign) -> Flow:
        """Return the newest version of the flow that a campaign starts."""
        return self.flows[self.current[campaign.flow]]
