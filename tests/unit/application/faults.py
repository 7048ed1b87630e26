"""Ports that fail: each effect may crash before, after or in the midst of taking effect, at seeded points."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from tests.unit.application.machine import Crash

T = TypeVar("T")

WAYS = ("before", "midst", "after")

EFFECTS = frozenset(
    (
        "mark",
        "create",
        "replace",
        "append",
        "send",
        "put_new",
        "start",
        "save_pages",
        "save_lanes",
        "add_due",
        "clear_due",
    )
)


class Faults:
    """Decides at each effect whether the process dies there. `is_armed` False: it never does."""

    def __init__(self, seed: int = 0, chance: float = 0.0):
        self._random = random.Random(seed)  # noqa: S311 - seeded on purpose
        self._chance = chance
        self._ways: tuple[str, ...] = WAYS
        self.is_armed = True
        self.crashes = 0
        self.fatal: str | None = None
        self.hook: Callable[[], object] | None = None

    @contextmanager
    def only(self, *ways: str) -> Iterator[None]:
        """Crash in these ways only; before effects for what is at most once by contract."""
        self._ways = ways
        try:
            yield
        finally:
            self._ways = WAYS

    def around(self, effect: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Take an effect, perhaps not, perhaps in part."""
        hook, self.hook = self.hook, None
        if hook:
            hook()
        if effect.__name__ == self.fatal:
            if self._ways == ("after",):
                effect(*args)
            raise Crash(self.fatal)
        if not self.is_armed or self._random.random() >= self._chance:
            return effect(*args)
        self.crashes += 1
        how = self._random.choice(self._ways)
        if how == "after":
            effect(*args)
        elif how == "midst" and args and isinstance(args[0], Sequence) and not isinstance(args[0], str):
            effect(list(args[0])[: len(args[0]) // 2])
        raise Crash(f"{how} {effect.__qualname__}")

    def wrap(self, port: T) -> T:
        """Return the port with this object at each of its effects."""
        return cast("T", _Faulty(port, self))


class _Faulty:
    def __init__(self, port: object, faults: Faults):
        self._port = port
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if name not in EFFECTS:
            return attribute
        return lambda *args: self._faults.around(attribute, args)


def crash_at(faults: Faults, effect: str, task: Callable[[], object], after: bool = False) -> None:
    """Let the process die in a task at an effect by name, before it or after it."""
    faults.fatal = effect
    try:
        with faults.only("after" if after else "before"):
            task()
    finally:
        faults.fatal = None
