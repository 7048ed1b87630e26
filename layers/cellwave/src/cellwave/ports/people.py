"""What is personal: the vault and the target lists."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from cellwave.domain.ruleset import ListVersion, Ruleset


class Vault(Protocol):
    """Maps pseudonyms to numbers, encrypted. Only the claim function may read it."""

    def put(self, numbers: Mapping[str, str]) -> None:
        """Store pseudonym -> canonical MSISDN, encrypted; storing one again changes nothing that a reader sees."""
        ...

    def number(self, sub: str) -> str:
        """Return the MSISDN of a pseudonym. Raises NotFound."""
        ...


class TargetLists(Protocol):
    """Sealed target lists: written whole, read a lane at a time."""

    def publish(self, name: str, version: int, subs: Iterable[str]) -> ListVersion:
        """Seal the pseudonyms as one immutable version of the list, under its own data key, and return what names it.

        Publishing the same version again with the same members is harmless, with others raises Conflict.
        """
        ...

    def holds(self, version: ListVersion, sub: str) -> bool:
        """Tell exactly whether a pseudonym is on the list. Raises NotFound for a version that does not stand."""
        ...

    def shred(self, version: ListVersion) -> None:
        """Destroy the version's key and with it the list, for good; one that does not stand is passed over."""
        ...


class Registry(Protocol):
    """What is published: immutable rulesets and a pointer to the current one."""

    def current(self) -> Ruleset:
        """Return the current ruleset; an empty one (version 0) where nothing was ever published."""
        ...

    def publish(self, ruleset: Ruleset) -> None:
        """Store the ruleset and move the pointer to it, if it stands at `ruleset.version - 1`. Raises Conflict."""
        ...
