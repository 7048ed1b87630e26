"""The compiled index: from a cell to the areas that matter, from an area to the campaigns that need it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign
from cellwave.domain.errors import NotFound

MINUTE_MS: Final = 60_000

_NOWHERE: Final[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class AreaRules:
    """What the campaigns need of one area.

    `dwelled` holds the time after the start of a stay (ms) with each campaign, the shortest first; `lists`
    the target lists of all of them: a subscriber on none of these is not tracked in the area.
    """

    entered: tuple[Campaign, ...]
    dwelled: tuple[tuple[int, Campaign], ...]
    lists: tuple[str, ...]

    @classmethod
    def of(cls, campaigns: Collection[Campaign]) -> Self:
        """Sort one area's campaigns by what they wait for; ties by name, so that firings keep one order."""
        by_name = sorted(campaigns, key=lambda campaign: campaign.name)
        dwelled = [(c.trigger.minutes * MINUTE_MS, c) for c in by_name if isinstance(c.trigger, AreaDwelled)]
        return cls(
            entered=tuple(c for c in by_name if isinstance(c.trigger, AreaEntered)),
            dwelled=tuple(sorted(dwelled, key=lambda pair: pair[0])),
            lists=tuple(dict.fromkeys(c.target_list for c in by_name)),
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the engine asks while events pass: look-ups only.

    `cells` names each cell of an area that a campaign needs; any other cell is outside every area. A subscriber
    on none of `lists` is not tracked at all.
    """

    campaigns: Mapping[str, Campaign]
    areas: Mapping[str, AreaRules]
    cells: Mapping[str, tuple[str, ...]]
    lists: frozenset[str]

    @classmethod
    def compile(cls, campaigns: Iterable[Campaign], areas: Mapping[str, Collection[str]]) -> Self:
        """Build the index. Areas that no campaign needs are left out.

        Raises NotFound when a campaign needs an area that is not among `areas`, ValueError when two campaigns
        bear one name.
        """
        by_name: dict[str, Campaign] = {}
        by_area: dict[str, list[Campaign]] = {}
        for campaign in campaigns:
            if campaign.name in by_name:
                raise ValueError(f"two campaigns are named {campaign.name}")
            by_name[campaign.name] = campaign
            by_area.setdefault(campaign.trigger.area, []).append(campaign)
        cells: dict[str, list[str]] = {}
        for area, needing in sorted(by_area.items()):
            if area not in areas:
                raise NotFound(f"campaign {needing[0].name} needs the area {area}, which is not defined")
            for cell in set(areas[area]):
                cells.setdefault(cell, []).append(area)
        return cls(
            campaigns=by_name,
            areas={area: AreaRules.of(needing) for area, needing in by_area.items()},
            cells={cell: tuple(names) for cell, names in cells.items()},
            lists=frozenset(campaign.target_list for campaign in by_name.values()),
        )

    def areas_at(self, cell: str) -> tuple[str, ...]:
        """Return the areas, in the order of their names, that hold the cell; empty where none does."""
        return self.cells.get(cell, _NOWHERE)
