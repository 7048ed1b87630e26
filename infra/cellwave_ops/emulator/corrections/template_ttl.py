"""A table's `TimeToLiveSpecification` in a template takes effect.

Stock ministack provisions `AWS::DynamoDB::Table` without reading it, on creation and on update: the stack
says that items expire and none does.
"""

from __future__ import annotations

from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners


def apply() -> None:
    """Set the time to live when a template creates or updates a table."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    stock_create, stock_update = handler["create"], handler["update"]

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        created = stock_create(logical_id, props, stack_name)
        _set(created[0], props)
        return created

    def update(
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
    ) -> Any:
        updated = stock_update(physical_id, old, new, stack_name, logical_id)
        if old.get("TimeToLiveSpecification") != new.get("TimeToLiveSpecification"):
            _set(updated[0], new)
        return updated

    handler["create"], handler["update"] = create, update


def _set(table_name: str, props: dict[str, Any]) -> None:
    written = props.get("TimeToLiveSpecification") or {}
    attribute = written.get("AttributeName")
    if not attribute:
        dynamodb._ttl_settings.pop(table_name, None)
        return
    enabled = str(written.get("Enabled", True)).lower() == "true"
    specification = {"AttributeName": attribute, "Enabled": enabled}
    dynamodb._update_ttl({"TableName": table_name, "TimeToLiveSpecification": specification})
