"""Placeholder until the handler stands."""

from typing import Any


def handler(event: Any, context: Any) -> Any:
    """Refuse every event."""
    raise NotImplementedError
