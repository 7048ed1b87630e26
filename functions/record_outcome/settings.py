"""What the function needs of its environment; template.yaml sets it."""

from typing import Final

NEEDS: Final = (
    "JOURNEYS_TABLE",
    "LEDGER_TABLE",
    "REGISTRY_TABLE",
    "DATA_BUCKET",
    "WAVE_MACHINE_ARN",
    "CHANNEL_QUEUES",
    "PEOPLE_KEY_ARN",
    "STREAM_CLOCK",
)
