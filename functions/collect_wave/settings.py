"""What the function needs of its environment; template.yaml sets it."""

from typing import Final

NEEDS: Final = (
    "JOURNEYS_TABLE",
    "REGISTRY_TABLE",
    "DATA_BUCKET",
    "STREAM_CLOCK",
)
