"""What the function needs of its environment; template.yaml sets it."""

from typing import Final

NEEDS: Final = (
    "REGISTRY_TABLE",
    "DATA_BUCKET",
)
