"""A second implementation of the matching semantics, for `area_entered` and `area_dwelled`.

Written from the design's sentences alone: it imports nothing of Cellwave, keeps no state between events, takes the
marketer's own documents and answers each question by looking through the subscriber's whole list of events again.
Slow on purpose.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

HOURS_48 = 48 * 60 * 60 * 1000


def naive_matches(
    campaigns: Sequence[Mapping[str, Any]],
    areas: Mapping[str, Collection[str]],
    lists: Mapping[str, Collection[str]],
    events: Sequence[Mapping[str, Any]],
    published: Mapping[str, int],
) -> list[tuple[int, str, str, bool]]:
    """Return (trigger ts, sub, campaign, held out) of every match, sorted.

    `published` tells since when a campaign counts, where it has not always counted.
    """
    greatest = max((event["ts"] for event in events), default=0)
    found = []
    for campaign in campaigns:
        for sub in set(lists[campaign["targets"]["list"]]):
            own = [event for event in events if event["sub"] == sub]
            cells = areas[campaign["trigger"]["area"]]
            last = None
            for moment in trigger_moments(campaign["trigger"], own, cells, greatest):
                if not counts(campaign, moment, published.get(campaign["campaign"])):
                    continue
                if last is None or may_repeat(campaign, moment, last):
                    last = moment
                    found.append((moment, sub, campaign["campaign"], held_out(campaign, sub)))
    return sorted(found)


def trigger_moments(
    trigger: Mapping[str, Any], own: Sequence[Mapping[str, Any]], cells: Collection[str], greatest: int
) -> list[int]:
    """Return when the trigger fires for one subscriber, in the order in which it does."""
    moments = []
    for opened_at, start, ended_at in stays(own, cells):
        if trigger["kind"] == "area_entered":
            moments.append(start)
            continue
        due = start + trigger["minutes"] * 60_000
        # What touches an open stay: any sighting or power_off that is not older than its last change, the opening.
        until = len(own) if ended_at is None else ended_at + 1
        touching = [e for e in own[opened_at + 1 : until] if is_touch(e) and e["ts"] >= start]
        if any(event["ts"] >= due for event in touching) or (ended_at is None and greatest >= due):
            moments.append(due)
    return moments


def stays(own: Sequence[Mapping[str, Any]], cells: Collection[str]) -> list[tuple[int, int, int | None]]:
    """Return (index of the event that opened it, start, index of the event that showed its end) of each stay."""
    found = []
    position, last_change = 0, 0
    while True:
        opening = next(
            (i for i in range(position, len(own)) if is_inside(own[i], cells) and own[i]["ts"] >= last_change), None
        )
        if opening is None:
            return found
        start = own[opening]["ts"]
        ending = next((i for i in range(opening + 1, len(own)) if ends(own[i], start, cells)), None)
        found.append((opening, start, ending))
        if ending is None:
            return found
        last_change = min(own[ending]["ts"], start + HOURS_48)
        # The sighting that shows the end may open the next stay; one that is outside or power_off cannot.
        position = ending


def is_touch(event: Mapping[str, Any]) -> bool:
    return event["type"] == "power_off" or bool(event.get("cell"))


def is_inside(event: Mapping[str, Any], cells: Collection[str]) -> bool:
    return event["type"] != "power_off" and event.get("cell") in cells


def ends(event: Mapping[str, Any], start: int, cells: Collection[str]) -> bool:
    if not is_touch(event) or event["ts"] < start:
        return False
    return event["ts"] >= start + HOURS_48 or not is_inside(event, cells)


def counts(campaign: Mapping[str, Any], moment: int, published: int | None) -> bool:
    if published is not None and moment < published:
        return False
    if "from" in campaign and moment < milliseconds(campaign["from"]):
        return False
    return "until" not in campaign or moment < milliseconds(campaign["until"])


def milliseconds(date: str) -> int:
    return round(datetime.fromisoformat(date).timestamp() * 1000)


def may_repeat(campaign: Mapping[str, Any], moment: int, last: int) -> bool:
    reentry = campaign.get("reentry", "once")
    return reentry != "once" and moment >= last + reentry["hours"] * 3_600_000


def held_out(campaign: Mapping[str, Any], sub: str) -> bool:
    group = campaign.get("holdout_group", campaign["product"])
    digest = hashlib.sha256(f"{group}:{sub}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 10_000 < campaign.get("holdout_percent", 0) * 100
