"""Watch over agents: the leader hears their heartbeats and writes only what follows from them.

What was heard is kept in memory. A leader that is new has heard nothing and so gives each node one full grace period.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.errors import FleetError
from statefleet.nodes.conditions import is_unknown, ready_condition, refresh, set_ready, set_unknown
from statefleet.nodes.strategy import session_of
from statefleet.objects.kinds import NODE
from statefleet.runtime.clock import Clock
from statefleet.store.draft import Draft
from statefleet.store.entries import Entry, Key
from statefleet.store.writing import Writer


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How long silence may last and how often what is written."""

    grace_seconds: float = 40.0
    """After so long without a heartbeat a node is Unknown."""
    heartbeat_seconds: float = 10.0
    """How often agents are asked to send one."""
    refresh_seconds: float = 300.0
    """How often at most lastHeartbeatTime is written for a node that is alive."""
    look_seconds: float = 2.0
    """How often the leader looks for silence."""
    usage_seconds: float = 15.0
    """How often agents are asked to say what is used."""


_NODES_AT_ONCE = 100
"""How many nodes one transaction changes at most."""


class Health:
    """Decides which nodes are Unknown. Of use at the leader only."""

    def __init__(self, writer: Writer, clock: Clock, settings: HealthSettings) -> None:
        self._writer = writer
        self._replica = writer.replica
        self._clock = clock
        self._settings = settings
        self._epoch = -1
        self._heard: dict[str, float] = {}
        """When each node, by uid, was last heard of, or first seen by this leader: monotonic seconds."""

    async def hear(self, names: Iterable[str], session: int) -> list[str]:
        """Take note of a heartbeat and return the nodes that are unknown or that a newer session has taken.

        A node that was Unknown is Ready again when this returns.
        """
        self._begin_epoch()
        now, lost, back = self._clock.monotonic(), [], []
        for name in names:
            entry = self._replica.state.get(Key(NODE.name, "", name))
            if entry is None or session_of(entry.message.metadata) > session:
                lost.append(name)
                continue
            self._heard[entry.message.metadata.uid] = now
            if is_unknown(entry.message):
                back.append(name)
        await self._write(back, lambda node: is_unknown(node) and not self._is_silent(node), set_ready)
        return lost

    def greet(self, nodes: Iterable[Node]) -> None:
        """Take note of nodes that were registered."""
        self._begin_epoch()
        now = self._clock.monotonic()
        for node in nodes:
            self._heard[node.metadata.uid] = now

    async def run(self) -> None:
        """Look for silence for ever."""
        while True:
            await self._clock.sleep(self._settings.look_seconds)
            if self._replica.is_leader:
                try:
                    await self.look()
                except FleetError:
                    continue  # Another write came first or the leadership went: there is a next time.

    async def look(self) -> None:
        """Write what has become Unknown, and when nodes that are alive were last heard of."""
        self._begin_epoch()
        now = self._clock.monotonic()
        entries = self._replica.state.list(NODE.name)
        self._heard = {uid: self._heard.get(uid, now) for uid in (entry.message.metadata.uid for entry in entries)}
        await self._write(_names(entries, self._is_to_be_unknown), self._is_to_be_unknown, set_unknown)
        await self._write(_names(entries, self._is_to_be_refreshed), self._is_to_be_refreshed, refresh)

    def _begin_epoch(self) -> None:
        epoch = self._replica.state.epoch
        if epoch != self._epoch:
            self._epoch = epoch
            self._heard.clear()

    def _is_silent(self, node: Node) -> bool:
        heard = self._heard.get(node.metadata.uid)
        return heard is not None and self._clock.monotonic() - heard > self._settings.grace_seconds

    def _is_to_be_unknown(self, node: Node) -> bool:
        return self._is_silent(node) and not is_unknown(node)

    def _is_to_be_refreshed(self, node: Node) -> bool:
        ready = ready_condition(node)
        if ready is None or ready.status == "Unknown" or not session_of(node.metadata) or self._is_silent(node):
            return False
        return self._clock.now() - ready.last_heartbeat_time.seconds >= self._settings.refresh_seconds

    async def _write(
        self, names: Sequence[str], still: Callable[[Node], bool], change: Callable[[Node, float], None]
    ) -> None:
        """Change the nodes of these names for which it is `still` due when it is decided."""
        for group in _groups(names):

            def decide(draft: Draft, group: Sequence[str] = group) -> None:
                for name in group:
                    stored = draft.state.get(Key(NODE.name, "", name))
                    if stored is not None and still(stored.message):
                        node: Node = stored.copy()
                        change(node, draft.now)
                        draft.replace(NODE, node, stored)

            await self._writer.write(WriteOptions(), decide)


def _names(entries: Iterable[Entry], due: Callable[[Node], bool]) -> list[str]:
    return [entry.key.name for entry in entries if due(entry.message)]


def _groups(names: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while group := list(islice(rest, _NODES_AT_ONCE)):
        yield group
