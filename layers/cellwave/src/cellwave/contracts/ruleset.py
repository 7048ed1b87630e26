"""Rulesets as stored: JSON with sorted keys; equal rulesets have equal bytes. msgspec only: the matcher reads them.

A trigger bears its `kind`, as in the documents of marketers.
"""

from dataclasses import MISSING, fields
from typing import Any, Final, get_type_hints

import msgspec

from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign, Trigger
from cellwave.domain.flow import Flow
from cellwave.domain.ruleset import ListVersion, Ruleset

_KINDS: Final[dict[str, type[Trigger]]] = {"area_dwelled": AreaDwelled, "area_entered": AreaEntered}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


class _Stored(msgspec.Struct):
    version: int
    campaigns: dict[str, dict[str, Any]]
    areas: dict[str, frozenset[str]]
    flows: dict[str, Flow]
    current: dict[str, str]
    scripts: dict[str, str]
    lists: dict[str, ListVersion]


def _campaign_form() -> type[msgspec.Struct]:
    """Return a campaign's form with the trigger left plain: msgspec cannot tell apart a union of dataclasses."""
    hints = {**get_type_hints(Campaign), "trigger": dict[str, Any]}
    return msgspec.defstruct(
        "_Campaign",
        [
            (field.name, hints[field.name])
            if field.default is MISSING
            else (field.name, hints[field.name], field.default)
            for field in fields(Campaign)
        ],
    )


_CAMPAIGN: Final = _campaign_form()
_DECODER: Final = msgspec.json.Decoder(_Stored)


def encode_ruleset(ruleset: Ruleset) -> bytes:
    """Return the stored form."""
    values = msgspec.to_builtins(ruleset, order="sorted")
    for name, campaign in ruleset.campaigns.items():
        values["campaigns"][name]["trigger"]["kind"] = _NAMES[type(campaign.trigger)]
    return msgspec.json.encode(values, order="sorted")


def decode_ruleset(data: bytes) -> Ruleset:
    """Return the ruleset of a stored form. Raises msgspec.DecodeError for anything else."""
    stored = _DECODER.decode(data)
    return Ruleset(
        version=stored.version,
        campaigns={name: _campaign(values) for name, values in stored.campaigns.items()},
        areas=stored.areas,
        flows=stored.flows,
        current=stored.current,
        scripts=stored.scripts,
        lists=stored.lists,
    )


def _campaign(values: dict[str, Any]) -> Campaign:
    plain = msgspec.structs.asdict(msgspec.convert(values, _CAMPAIGN))
    trigger = plain.pop("trigger")
    kind = trigger.pop("kind", None)
    if kind not in tuple(_KINDS):
        raise msgspec.ValidationError(f"this version knows no trigger of the kind {kind!r}")
    return Campaign(**plain, trigger=msgspec.convert(trigger, _KINDS[kind]))
