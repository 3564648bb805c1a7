"""Keep what agents say that their nodes and pods use, in the leader's memory and as long as it is fresh.

A leader that is new knows nothing until agents have reported again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from statefleet.api.nodes.v1.usage_pb2 import NodeUsage
from statefleet.objects.kinds import NODE
from statefleet.runtime.clock import Clock
from statefleet.store.entries import Key
from statefleet.store.replica import Replica

PAGE_BYTES = 1 << 20
"""About how much one answer weighs at most: well below what a message may."""


class _Sample(NamedTuple):
    uid: str
    """The node's: another node of the name uses something else."""
    heard: float
    """When the leader heard of it, in monotonic seconds."""
    usage: NodeUsage


class Page(NamedTuple):
    """Some nodes by name, and the node after which the next ones follow: none where it is empty."""

    nodes: list[NodeUsage]
    next: str


class Usages:
    """What nodes use, by name. Of use at the leader only."""

    def __init__(self, replica: Replica, clock: Clock, fresh_seconds: float) -> None:
        self._replica = replica
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._epoch = -1
        self._samples: dict[str, _Sample] = {}
        self._cleaned = 0.0

    def take(self, usages: Iterable[NodeUsage]) -> None:
        """Take note of what nodes use, in place of what was known of them. Nodes that there are not are left out."""
        self._begin_epoch()
        now = self._clock.monotonic()
        for usage in usages:
            uid = self._uid(usage.node)
            if uid:
                self._samples[usage.node] = _Sample(uid, now, usage)
        if now - self._cleaned > self._fresh_seconds:
            self._cleaned = now
            self._samples = {name: sample for name, sample in self._samples.items() if self._is_fresh(name, sample)}

    def nodes(self, node: str, after: str) -> Page:
        """Return what nodes use, or one of them, without their pods."""
        return _page(self._fresh(node, after), _without_pods)

    def pods(self, namespace: str, node: str, after: str) -> Page:
        """Return what pods use, all or those of a namespace and a node; by node."""
        return _page(self._fresh(node, after), lambda usage: _pods_of(usage, namespace))

    def _fresh(self, node: str, after: str) -> Iterator[NodeUsage]:
        self._begin_epoch()
        for name in sorted(self._samples) if not node else [node]:
            sample = self._samples.get(name)
            if sample is not None and name > after and self._is_fresh(name, sample):
                yield sample.usage

    def _begin_epoch(self) -> None:
        epoch = self._replica.state.epoch
        if epoch != self._epoch:
            self._epoch = epoch
            self._samples.clear()

    def _is_fresh(self, name: str, sample: _Sample) -> bool:
        return self._clock.monotonic() - sample.heard <= self._fresh_seconds and sample.uid == self._uid(name)

    def _uid(self, node: str) -> str:
        entry = self._replica.state.get(Key(NODE.name, "", node))
        return "" if entry is None else str(entry.message.metadata.uid)


def _page(usages: Iterable[NodeUsage], part: Callable[[NodeUsage], NodeUsage | None]) -> Page:
    """Return a part of each node's usage, those without one left out, until a page is full."""
    page, weight = Page([], ""), 0
    for usage in usages:
        if weight >= PAGE_BYTES:
            return page._replace(next=page.nodes[-1].node)
        found = part(usage)
        if found is not None:
            page.nodes.append(found)
            weight += found.ByteSize()
    return page


def _without_pods(usage: NodeUsage) -> NodeUsage:
    found = NodeUsage()
    found.CopyFrom(usage)
    found.ClearField("pods")
    return found


def _pods_of(usage: NodeUsage, namespace: str) -> NodeUsage | None:
    pods = [pod for pod in usage.pods if namespace in ("", pod.namespace)]
    return NodeUsage(node=usage.node, pods=pods) if pods else None
