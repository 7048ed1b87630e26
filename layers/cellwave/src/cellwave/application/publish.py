"""Publish campaigns, flows, areas and scripts: a new ruleset, made from the current one."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cellwave.domain.campaign import Campaign
from cellwave.domain.errors import Conflict, DocumentError, Problem
from cellwave.domain.flow import Flow
from cellwave.domain.ruleset import ListVersion, Ruleset
from cellwave.ports.clock import Clock
from cellwave.ports.people import Registry, TargetLists, Vault

_TRIES: Final = 16


@dataclass(frozen=True, slots=True)
class Publication:
    """What a marketer hands in. Versions of flows and `counts_from` of campaigns are set by publishing."""

    campaigns: Collection[Campaign] = ()
    flows: Collection[Flow] = ()
    areas: Mapping[str, frozenset[str]] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)


def publish(registry: Registry, clock: Clock, publication: Publication, counts_from: int | None = None) -> Ruleset:
    """Publish and return the new ruleset; the current one where nothing in it would change.

    A campaign that is new or changed counts from now on, in stream time, or from `counts_from` (ms). Raises
    DocumentError for what refers to something that is neither published nor handed in, and Conflict where somebody
    else published meanwhile: nothing is changed then.
    """
    current = registry.current()
    start = clock.now() if counts_from is None else counts_from
    flows = _with_flows(current, publication.flows)
    merged = replace(
        current,
        areas={**current.areas, **publication.areas},
        scripts={**current.scripts, **publication.scripts},
        flows=flows,
        current={**current.current, **_newest(flows.values())},
        campaigns={**current.campaigns, **_with_start(current, publication.campaigns, start)},
    )
    _check(merged, publication)
    if merged == current:
        return current
    merged = replace(merged, version=current.version + 1)
    registry.publish(merged)
    return merged


def publish_list(
    registry: Registry, lists: TargetLists, vault: Vault, name: str, numbers: Mapping[str, str]
) -> ListVersion:
    """Seal and publish a target list from pseudonym -> canonical MSISDN, and return the new version.

    The vault learns the numbers before anybody can be matched. Raises Conflict where somebody else published.
    """
    current = registry.current()
    standing = current.lists.get(name)
    vault.put(numbers)
    version = _seal(lists, name, standing.version + 1 if standing else 1, sorted(numbers))
    registry.publish(replace(current, version=current.version + 1, lists={**current.lists, name: version}))
    return version


def _seal(lists: TargetLists, name: str, first: int, subs: Collection[str]) -> ListVersion:
    """Seal the next free version: one that a publication sealed and never registered, for it died, is passed over."""
    for version in range(first, first + _TRIES):
        try:
            return lists.publish(name, version, subs)
        except Conflict:
            continue
    raise Conflict(f"versions {first} to {first + _TRIES - 1} of the list {name} are taken")


def _with_flows(current: Ruleset, flows: Iterable[Flow]) -> dict[str, Flow]:
    known = dict(current.flows)
    for flow in flows:
        standing = current.flows.get(current.current.get(flow.name, ""))
        if standing is None:
            newest = replace(flow, version=1)
        elif replace(flow, version=standing.version) == standing:
            continue
        else:
            newest = replace(flow, version=standing.version + 1)
        known[newest.key] = newest
    return known


def _newest(flows: Iterable[Flow]) -> dict[str, str]:
    newest: dict[str, Flow] = {}
    for flow in flows:
        if flow.name not in newest or newest[flow.name].version < flow.version:
            newest[flow.name] = flow
    return {name: flow.key for name, flow in newest.items()}


def _with_start(current: Ruleset, campaigns: Iterable[Campaign], start: int) -> dict[str, Campaign]:
    started = {}
    for campaign in campaigns:
        standing = current.campaigns.get(campaign.name)
        is_same = standing is not None and replace(standing, counts_from=None) == replace(campaign, counts_from=None)
        started[campaign.name] = standing if standing and is_same else replace(campaign, counts_from=start)
    return started


def _check(ruleset: Ruleset, publication: Publication) -> None:
    """Raise DocumentError for every reference that leads nowhere."""
    problems = []
    for campaign in publication.campaigns:
        source = f"campaign {campaign.name}"
        if campaign.trigger.area not in ruleset.areas:
            problems.append(_missing(source, "$.trigger.area", "area", campaign.trigger.area, ruleset.areas))
        if campaign.flow not in ruleset.current:
            problems.append(_missing(source, "$.flow", "flow", campaign.flow, ruleset.current))
        if campaign.target_list not in ruleset.lists:
            problems.append(_missing(source, "$.targets.list", "target list", campaign.target_list, ruleset.lists))
        problems += _split_holdout(ruleset, campaign)
    for flow in publication.flows:
        for wave in flow.waves.values():
            if wave.script not in ruleset.scripts:
                path = f"$.nodes.{wave.node}.script"
                problems.append(_missing(f"flow {flow.name}", path, "script", wave.script, ruleset.scripts))
    if problems:
        raise DocumentError(problems)


def _split_holdout(ruleset: Ruleset, campaign: Campaign) -> Iterator[Problem]:
    """Say where two campaigns of one holdout group keep different shares aside: one would contact the other's."""
    for other in ruleset.campaigns.values():
        if other.holdout_group == campaign.holdout_group and other.holdout_percent != campaign.holdout_percent:
            reason = f"{other.name} keeps {other.holdout_percent} % of the group {other.holdout_group!r} aside"
            yield Problem(f"campaign {campaign.name}", "$.holdout_percent", reason, "give both the same percentage")


def _missing(source: str, path: str, kind: str, name: str, known: Collection[str]) -> Problem:
    have = f"known: {', '.join(sorted(known)[:8])}" if known else f"no {kind} is published yet"
    load = "cellwave lists load" if kind == "target list" else "publish it with this document"
    return Problem(source, path, f"the {kind} {name!r} does not exist", f"{have}; or {load}")
