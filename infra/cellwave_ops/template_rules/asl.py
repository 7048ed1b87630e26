"""Rules for state machines (Amazon States Language, JSONPath), which neither SAM nor cfn-lint looks into.

Every `Next`, `Default` and `StartAt` leads to a state; every state is reached; something ends each level; every
Task has its timeout and retries; what can fail at the top level is caught and ends in a Fail with a name.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cellwave_ops.template_rules.document import Json

_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z0-9]+)\}")
_ENDINGS: Final = ("Succeed", "Fail")


def levels(definition: Json, name: str = "top") -> Iterator[tuple[str, Json]]:
    """Yield each level of states with its name: the machine itself, then what its maps hold, inner ones too."""
    yield name, definition
    for state_name, state in definition["States"].items():
        inner = [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", [])
        for level in inner:
            yield from levels(level, state_name)


def problems(definition: Json) -> list[str]:
    """Return every breach of the rules above."""
    found: list[str] = []
    for name, level in levels(definition):
        found += _graph(name, level)
        for state_name, state in level["States"].items():
            found += _state(state_name, state, is_top=name == "top")
    return found


def targets(state: Json) -> list[str]:
    """Return every state to which a state may lead."""
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    return [t for t in (state.get("Next"), state.get("Default"), *(r.get("Next") for r in rules)) if t is not None]


def _graph(name: str, level: Json) -> Iterator[str]:
    states, reached, todo = level["States"], set(), [level["StartAt"]]
    while todo:
        current = todo.pop()
        if current not in states:
            yield f"{name}: {current} is no state here"
        elif current not in reached:
            reached.add(current)
            todo += targets(states[current])
    for lost in sorted(set(states) - reached):
        yield f"{name}: {lost} is never reached"
    if not any(s.get("End") is True or s["Type"] in _ENDINGS for s in states.values()):
        yield f"{name}: never ends"


def _state(name: str, state: Json, *, is_top: bool) -> Iterator[str]:
    kind = state["Type"]
    if kind not in ("Choice", *_ENDINGS) and ("Next" in state) == (state.get("End") is True):
        yield f"{name}: needs either Next or End"
    if kind == "Choice" and "Default" not in state:
        yield f"{name}: a choice that nothing fits fails without a name; give it a Default"
    if kind == "Task":
        yield from _task(name, state)
    if kind == "Map" and state.get("ToleratedFailurePercentage", 0) != 0:
        yield f"{name}: tolerates failures, so members would be lost"
    if is_top and kind in ("Task", "Map", "Parallel") and "States.ALL" not in _caught(state):
        yield f"{name}: does not catch States.ALL"
    if kind == "Fail" and not (state.get("Error") and state.get("Cause")):
        yield f"{name}: a failure needs Error and Cause"


def _task(name: str, state: Json) -> Iterator[str]:
    if not state.get("TimeoutSeconds"):
        yield f"{name}: TimeoutSeconds is missing"
    retriers = state.get("Retry", [])
    if not retriers or retriers[-1]["ErrorEquals"] != ["States.ALL"]:
        yield f"{name}: the last Retry must be for States.ALL"
    for retrier in retriers:
        if retrier.get("MaxAttempts") != 0 and not {"BackoffRate", "MaxDelaySeconds", "JitterStrategy"} <= set(retrier):
            yield f"{name}: a Retry lacks backoff, a longest delay or jitter"


def _caught(state: Json) -> list[str]:
    return [error for catcher in state.get("Catch", []) for error in catcher["ErrorEquals"]]


def placeholders(definition: Any) -> set[str]:
    """Return the names that the definition wants substituted."""
    if isinstance(definition, str):
        return set(_PLACEHOLDER.findall(definition))
    children = definition.values() if isinstance(definition, Mapping) else definition
    return {n for c in children for n in placeholders(c)} if isinstance(definition, (Mapping, list)) else set()
