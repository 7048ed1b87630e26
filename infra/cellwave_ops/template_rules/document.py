"""Reading a CloudFormation template as plain data, with its short tags written out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]


class _TemplateLoader(yaml.SafeLoader):
    """Knows CloudFormation's short tags: `!Ref x` reads as {"Ref": "x"}, `!Sub x` as {"Fn::Sub": "x"}."""


def _short_tag(loader: _TemplateLoader, suffix: str, node: yaml.Node) -> Json:
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = node.value
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_TemplateLoader.add_multi_constructor("!", _short_tag)


def load(path: Path) -> Json:
    """Return the template at `path`. Raises yaml.YAMLError where it is no YAML."""
    # A SafeLoader with tags of our own: it makes plain data and nothing else.
    content: Json = yaml.load(path.read_text(encoding="utf-8"), Loader=_TemplateLoader)  # noqa: S506
    return content


def resources(template: Json, *types: str) -> Iterator[tuple[str, Json]]:
    """Yield logical id and properties of the resources of these types."""
    for name, resource in template["Resources"].items():
        if resource["Type"] in types:
            yield name, resource.get("Properties", {})


def refers_to(value: Any) -> str | None:
    """Return the logical id behind a Ref, a GetAtt or a Sub that begins with a name; None for anything else."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    [(function, argument)] = value.items()
    if function == "Ref":
        return str(argument)
    if function == "Fn::GetAtt":
        return str(argument[0] if isinstance(argument, list) else argument.split(".")[0])
    if function == "Fn::Sub" and isinstance(argument, str) and argument.startswith("${"):
        return argument[2:].split("}")[0].split(".")[0]
    return None
