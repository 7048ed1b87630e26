"""The vault, target lists and the registry in memory."""

import threading
from collections.abc import Iterable, Mapping

from cellwave.domain.errors import Conflict, NotFound
from cellwave.domain.ruleset import ListVersion, Ruleset


class MemoryVault:
    """Vault in memory, not encrypted: for tests and simulation only."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def put(self, numbers: Mapping[str, str]) -> None:
        """Store pseudonym -> canonical MSISDN."""
        self._numbers.update(numbers)

    def number(self, sub: str) -> str:
        """Return the MSISDN of a pseudonym. Raises NotFound."""
        try:
            return self._numbers[sub]
        except KeyError:
            raise NotFound("no such touch: nobody is known under its pseudonym") from None


class MemoryTargetLists:
    """TargetLists in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[str, frozenset[str]] = {}

    def publish(self, name: str, version: int, subs: Iterable[str]) -> ListVersion:
        """Keep a version. Raises Conflict where it stands with other members."""
        members = frozenset(subs)
        prefix = f"lists/{name}/{version}/"
        with self._lock:
            if self._members.setdefault(prefix, members) != members:
                raise Conflict(f"version {version} of the list {name} stands with other members")
        return ListVersion(name, version, len(members), prefix)

    def holds(self, version: ListVersion, sub: str) -> bool:
        """Tell whether a pseudonym is on the list. Raises NotFound."""
        try:
            return sub in self._members[version.prefix]
        except KeyError:
            raise NotFound(f"no version {version.version} of the list {version.name}") from None

    def shred(self, version: ListVersion) -> None:
        """Forget a version for good; one that does not exist is passed over."""
        with self._lock:
            self._members.pop(version.prefix, None)


class MemoryRegistry:
    """Registry in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current = Ruleset()

    def current(self) -> Ruleset:
        """Return the current ruleset."""
        return self._current

    def publish(self, ruleset: Ruleset) -> None:
        """Make a ruleset the current one. Raises Conflict; the same ruleset again is harmless."""
        with self._lock:
            if ruleset == self._current:
                return
            if self._current.version != ruleset.version - 1:
                raise Conflict(f"the ruleset stands at {self._current.version}, not {ruleset.version - 1}")
            self._current = ruleset
