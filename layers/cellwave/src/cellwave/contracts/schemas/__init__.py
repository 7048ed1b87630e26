"""The published JSON Schemas, generated from the models: `python -m cellwave.contracts.schemas` writes them."""

import json
from typing import Any, Final

import msgspec
from pydantic import TypeAdapter

from cellwave.contracts.campaign_document import CampaignDocument
from cellwave.contracts.documents import AreasDocument, ScriptsDocument
from cellwave.contracts.event_lines import EventLine
from cellwave.contracts.flow_document import FlowDocument

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def generate() -> dict[str, str]:
    """Return the text of each schema by its file name."""
    schemas: dict[str, dict[str, Any]] = {
        "campaign.json": TypeAdapter(CampaignDocument | list[CampaignDocument]).json_schema(),
        "flow.json": TypeAdapter(FlowDocument | list[FlowDocument]).json_schema(),
        "areas.json": TypeAdapter(AreasDocument).json_schema(),
        "scripts.json": TypeAdapter(ScriptsDocument).json_schema(),
        "event.json": msgspec.json.schema(EventLine),
    }
    return {
        name: json.dumps({"$schema": _DIALECT, **schema}, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.items()
    }
