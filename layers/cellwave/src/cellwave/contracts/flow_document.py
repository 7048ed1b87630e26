"""The flow document: a graph of waves, as marketers write it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from cellwave.contracts.campaign_document import Name
from cellwave.contracts.diagnosis import NODE_ID, Document, nearest
from cellwave.contracts.positions import Path, show
from cellwave.domain.flow import ACTIVE_CHANNELS, PASSIVE_CHANNELS, PORTS, Flow, Wave

Finding = tuple[Path, str, str]
NodeId = Annotated[str, StringConstraints(pattern=NODE_ID)]

LATER: Final[Mapping[str, str]] = dict.fromkeys(("wait", "branch", "split", "end"), 'use "wave" for now')


class WaveDocument(Document):
    """A stage of a flow: exactly one active channel, or passive ones, with the window in which an answer counts."""

    kind: Literal["wave"]
    channels: list[str] = Field(
        min_length=1,
        max_length=len(PASSIVE_CHANNELS),
        json_schema_extra={"items": {"enum": [*ACTIVE_CHANNELS, *PASSIVE_CHANNELS]}, "uniqueItems": True},
    )
    script: Name
    window_hours: int = Field(ge=1, le=720)
    attempts: int = Field(default=1, ge=1, le=5)
    next: dict[str, str] = Field(default_factory=dict, json_schema_extra={"propertyNames": {"enum": list(PORTS)}})

    def contradictions(self) -> Iterator[Finding]:
        """Yield what is wrong with the channels and ports."""
        known = (*ACTIVE_CHANNELS, *PASSIVE_CHANNELS)
        for number, channel in enumerate(self.channels):
            if channel not in known:
                yield ("channels", number), f"unknown channel {show(channel)}", nearest(channel, known)
            if channel in self.channels[:number]:
                yield ("channels", number), f"the channel {show(channel)} comes twice", "keep one of them"
        if len(set(self.channels)) > 1 and any(channel in ACTIVE_CHANNELS for channel in self.channels):
            yield (
                ("channels",),
                "an active channel together with another",
                "give one active channel, or passive ones alone",
            )
        if self.attempts > 1 and self.channels[0] in PASSIVE_CHANNELS:
            yield (
                ("attempts",),
                "a passive wave makes no attempts of its own",
                "leave `attempts` out, or use an active channel",
            )
        for port in self.next:
            if port not in PORTS:
                yield ("next", port), f"unknown port {show(port)}", nearest(port, PORTS)


class FlowDocument(Document):
    """A flow as it is uploaded. A port without a `next` ends the journey."""

    flow: Name
    start: str
    nodes: dict[NodeId, WaveDocument] = Field(min_length=1, max_length=200)

    def contradictions(self) -> Iterator[Finding]:
        """Yield what is wrong between fields: nodes that are not there, not reached or lead round in a circle."""
        for node, wave in self.nodes.items():
            for path, reason, mend in wave.contradictions():
                yield ("nodes", node, *path), reason, mend
        dangling = list(self._dangling())
        yield from dangling
        if not dangling:
            yield from self._shape()

    def missing_scripts(self, scripts: Collection[str]) -> Iterator[Finding]:
        """Yield the waves whose script is not among the approved ones."""
        for node, wave in self.nodes.items():
            if wave.script not in scripts:
                yield (
                    ("nodes", node, "script"),
                    f"unknown script {show(wave.script)}",
                    nearest(wave.script, scripts),
                )

    def to_domain(self, version: int) -> Flow:
        """Return one version of the flow for the domain."""
        waves = {
            node: Wave(node, tuple(wave.channels), wave.script, wave.window_hours, wave.attempts, wave.next)
            for node, wave in self.nodes.items()
        }
        return Flow(self.flow, version, self.start, waves)

    def _dangling(self) -> Iterator[Finding]:
        if self.start not in self.nodes:
            yield ("start",), f"unknown node {show(self.start)}", nearest(self.start, self.nodes)
        for node, wave in self.nodes.items():
            for port, target in wave.next.items():
                if target not in self.nodes:
                    yield (
                        ("nodes", node, "next", port),
                        f"unknown node {show(target)}",
                        nearest(target, self.nodes),
                    )

    def _shape(self) -> Iterator[Finding]:
        reached = self._reached_from(self.start)
        for node, wave in self.nodes.items():
            if node not in reached:
                yield ("nodes", node), "no path leads here from the start", "lead a port here or remove the node"
                continue
            for port, target in wave.next.items():
                if node in self._reached_from(target):
                    yield (
                        ("nodes", node, "next", port),
                        f"leads back to {show(node)}: a circle",
                        "end the journey or go on to a node of its own; circles are not supported yet",
                    )

    def _reached_from(self, start: str) -> set[str]:
        reached: set[str] = set()
        ahead = [start]
        while ahead:
            node = ahead.pop()
            if node not in reached:
                reached.add(node)
                ahead.extend(self.nodes[node].next.values())
        return reached
