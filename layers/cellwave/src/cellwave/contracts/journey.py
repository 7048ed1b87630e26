"""Journeys in their canonical form: JSON with sorted keys and defaults left out, under 1 KB for a usual journey.

Equal journeys have equal bytes wherever they ran. The revision is not part of it: it counts the writes of one
store. msgspec only: the matcher writes journeys.
"""

from dataclasses import MISSING, fields, replace
from typing import Any, Final

import msgspec

from cellwave.domain.journey import Journey, Step

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(Journey)


def _defaults_of(kind: type[Journey] | type[Step]) -> dict[str, Any]:
    return {field.name: field.default for field in fields(kind) if field.default is not MISSING}


_JOURNEY_DEFAULTS: Final = _defaults_of(Journey)
_STEP_DEFAULTS: Final = _defaults_of(Step)


def encode_journey(journey: Journey) -> str:
    """Return the canonical form."""
    values = _lean(msgspec.to_builtins(journey), _JOURNEY_DEFAULTS)
    values.pop("revision", None)
    if "steps" in values:
        values["steps"] = [_lean(step, _STEP_DEFAULTS) for step in values["steps"]]
    return _ENCODER.encode(values).decode()


def decode_journey(document: str, revision: int) -> Journey:
    """Return the journey of a canonical form, at this revision. Raises msgspec.DecodeError for anything else."""
    return replace(_DECODER.decode(document), revision=revision)


def _lean(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}
