"""The guarantees of a watch over random writes, watchers, pauses, departures and returns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statefleet.api.log.v1.log_pb2 import Change, Record
from statefleet.coordination.local import LocalCoordination
from statefleet.runtime.rand import SystemRand
from statefleet.store.entries import Changed, Entry
from statefleet.store.memory_log import MemoryLog
from statefleet.store.replica import Replica
from statefleet.store.state import State
from statefleet.store.watch import Delivery, Watcher
from support.stores import ManualClock, put, remove, settle, transaction
from support.watch_guarantees import GUARANTEES, Client, Connection, Truth

NAMES = ["a", "b", "c"]
NODES = ["", "n1", "n2"]


def node_of(entry: Entry) -> str:
    return str(entry.message.spec.node_name)


def on_n1(changed: Changed) -> bool:
    return any(node_of(entry) == "n1" for entry in (changed.before, changed.after) if entry is not None)


def of_even_name(changed: Changed) -> bool:
    return changed.key.name != "b"


def anything(changed: Changed) -> bool:
    return True


WANTS: dict[str, tuple[Callable[[Changed], bool], str]] = {
    "all": (anything, ""),
    "some": (of_even_name, ""),
    "place": (on_n1, "n1"),
}

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"),
            st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NODES)), min_size=1, max_size=3),
        ),
        st.tuples(st.just("watch"), st.sampled_from(sorted(WANTS)), st.booleans()),
        st.tuples(st.just("take"), st.integers(0, 9)),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("return"), st.integers(0, 9)),
        st.tuples(st.just("progress")),
    ),
    max_size=60,
)


class Session:
    """A replica, and clients that watch it."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.clients: list[Client] = []
        self.open: dict[int, Watcher[Changed]] = {}

    async def write(self, edits: list[tuple[str, str]]) -> None:
        await self.replica.propose(transaction(*[self._change(name, node) for name, node in dict(edits).items()]))

    def _change(self, name: str, node: str) -> Change:
        held = next((entry for entry in self.replica.state.list("Pod") if entry.key.name == name), None)
        if held is None:
            return put(name, node=node)
        return put(name, held.version, node=node) if node != node_of(held) else remove(name, held.version)

    async def watch(self, want: str, initial: bool) -> None:
        wanted, _ = WANTS[want]
        self.clients.append(Client(wanted))
        self._connect(len(self.clients) - 1, None if initial else self.replica.state.version // 2)

    def _connect(self, number: int, after: int | None) -> None:
        wanted = self.clients[number].wanted
        place = next(place for known, place in WANTS.values() if known is wanted)
        self.clients[number].connections.append(Connection(after))
        self.open[number] = self.replica.hub.subscribe(
            ["Pod"], after, lambda changed: changed if wanted(changed) else None, place=place
        )

    async def take(self, number: int) -> None:
        if number in self.open:
            delivery = self.open[number].take()
            if delivery is not None:
                self.clients[number].connections[-1].deliveries.append(delivery)

    async def leave(self, number: int) -> None:
        if number in self.open:
            self.open.pop(number).close()

    async def come_back(self, number: int) -> None:
        if number < len(self.clients) and number not in self.open:
            told = [d.version for c in self.clients[number].connections for d in c.deliveries]
            if told:
                self._connect(number, told[-1])

    async def progress(self) -> None:
        self.replica.hub.note_progress()

    async def drain(self) -> None:
        for number in list(self.open):
            for _ in range(3):
                await self.take(number)


async def run(script: list[tuple[Any, ...]]) -> tuple[list[Client], Truth]:
    log = MemoryLog()
    async with Replica(
        "s", log, MemoryLog(), LocalCoordination(), ManualClock(), SystemRand(1), places={"Pod": node_of}
    ) as replica:
        await settle()
        session = Session(replica)
        acts: dict[str, Callable[..., Awaitable[None]]] = {
            "write": session.write, "watch": session.watch, "take": session.take, "leave": session.leave,
            "return": session.come_back, "progress": session.progress,
        }  # fmt: skip
        for name, *arguments in script:
            await acts[name](*arguments)
        await session.drain()
    return session.clients, await history_of(log)


async def history_of(log: MemoryLog) -> Truth:
    """What happened, from the log alone."""
    state, truth = State(), []
    if await log.end():
        async for batch in log.read(0):
            for _, payload in batch:
                truth.append(state.apply(Record.FromString(payload)).changes)
            if batch[-1].offset + 1 == await log.end():
                break
    return [changes for changes in truth if changes]


@settings(max_examples=150, deadline=None)
@given(steps)
def test_every_client_gets_every_guarantee(script: list[tuple[Any, ...]]) -> None:
    clients, truth = asyncio.run(run(script))
    for client in clients:
        for guarantee in GUARANTEES:
            guarantee(client, truth)


SCRIPT: list[tuple[Any, ...]] = [
    ("write", [("a", "n1")]),
    ("watch", "all", True),
    ("write", [("a", "n2"), ("b", "n1")]),
    ("take", 0),
    ("take", 0),
    ("write", [("c", "n1")]),
    ("write", [("b", "n1")]),
    ("take", 0),
    ("leave", 0),
    ("write", [("b", "n2")]),
    ("return", 0),
]


def corrupt(name: str, client: Client) -> Client:
    """Break one guarantee in what a client got."""
    first, second = client.connections
    start, pair, rest = first.deliveries
    one, two = pair.events
    broken: dict[str, Connection] = {
        "ordered": replace(first, deliveries=[start, pair._replace(events=[two, one]), rest]),
        "unique": replace(first, deliveries=[start, pair, rest._replace(events=[one, *rest.events])]),
        "reliable": replace(first, deliveries=[start, pair._replace(events=[two]), rest]),
        "atomic": replace(
            first, deliveries=[start, Delivery(one.version, [one]), Delivery(two.version, [two]), rest]
        ),
        "bookmarkable": replace(first, deliveries=[start, pair._replace(version=rest.version), rest]),
        "begins_whole": replace(first, deliveries=[start._replace(events=[]), pair, rest]),
    }
    if name == "resumable":
        return replace(client, connections=[replace(first, deliveries=[start, pair]), second])
    return replace(client, connections=[broken[name], second])


@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda guarantee: guarantee.__name__)
def test_every_check_sees_the_breach_it_is_for(guarantee: Callable[[Client, Truth], None]) -> None:
    (client,), truth = asyncio.run(run(SCRIPT))
    guarantee(client, truth)
    with pytest.raises(AssertionError):
        guarantee(corrupt(guarantee.__name__, client), truth)
