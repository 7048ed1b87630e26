"""The project's template and machine, read once; each test gets copies that it may break."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from cellwave_ops.template_rules import document

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def _template() -> dict[str, Any]:
    return document.load(ROOT / "template.yaml")


@pytest.fixture
def template(_template: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(_template)


@pytest.fixture
def resources(template: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = template["Resources"]
    return content


@pytest.fixture
def machine() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "state_machines/wave.asl.json").read_text())
    return content
