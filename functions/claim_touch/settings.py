"""What the function needs of its environment; template.yaml sets it."""

from typing import Final

NEEDS: Final = (
    "JOURNEYS_TABLE",
    "VAULT_TABLE",
    "REGISTRY_TABLE",
    "DATA_BUCKET",
    "PEOPLE_KEY_ARN",
    "STREAM_CLOCK",
)
