"""What leaves the system: queues, objects, the wave machine."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cellwave.domain.outcomes import TouchRef
from cellwave.ports.journeys import Placement


class ChannelQueues(Protocol):
    """One queue an active channel. A message holds a touch id and nothing personal."""

    def send(self, placements: Sequence[Placement]) -> None:
        """Queue these touches. Raises when any was not taken: the retry sends all again, a claim tells them apart."""
        ...


class ObjectStore(Protocol):
    """Objects by key. Used for cohorts, lists, rulesets and quarantine."""

    def put_new(self, key: str, body: bytes) -> bool:
        """Create an object; False (and nothing written) where the key exists: the first version wins."""
        ...

    def get(self, key: str) -> bytes:
        """Return an object's content. Raises NotFound."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, sorted (consistent)."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that do not exist are passed over."""
        ...


class WaveMachine(Protocol):
    """Runs cohorts through waves: one execution a cohort and wave."""

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        """Start an execution; False where the name was taken already, which is success too."""
        ...


class TouchTokens(Protocol):
    """Seals what a touch id stands for. The same touch always gets the same id; outside it means nothing."""

    def seal(self, ref: TouchRef) -> str:
        """Return the touch id: at most 100 characters of base64url."""
        ...

    def open(self, token: str) -> TouchRef:
        """Return what a touch id stands for. Raises NotFound for one that this system did not make."""
        ...
