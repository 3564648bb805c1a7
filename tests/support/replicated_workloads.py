"""Replicas of the workload store in one process, on one log that loses answers, led by whoever is let."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from statefleet.api.workloads.v1.workload_store_pb2_grpc import add_WorkloadStoreServicer_to_server
from statefleet.client.fleet import Fleet
from statefleet.coordination.local import LocalCoordination
from statefleet.errors import Unavailable
from statefleet.objects.kinds import WORKLOADS
from statefleet.rpc.identity import SERVICES_GROUP, Identity
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.forwarding import Forwarding
from statefleet.store.memory_log import MemoryLog
from statefleet.workloads.assembly import assemble_workload_store, until_furnished
from statefleet.workloads.servicer import WorkloadStore


class ForgetfulLog(MemoryLog):
    """A log some of whose answers are lost, after a record was added or before."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self.losing = 0.0
        """The share of answers that is lost."""

    async def append(self, payload: bytes) -> int:
        lost = self._random.random() < self.losing
        if lost and self._random.random() < 0.5:
            raise Unavailable("the record was lost")
        offset = await super().append(payload)
        if lost:
            raise Unavailable("the answer was lost")
        return offset


@dataclass
class ReplicatedWorkloads:
    coordination: LocalCoordination
    log: ForgetfulLog
    stores: dict[str, WorkloadStore] = field(default_factory=dict)
    servers: dict[str, Any] = field(default_factory=dict)

    def connect(self, member: str) -> Any:
        return self.servers[member].channel(Identity(member, (SERVICES_GROUP,)))

    def fleet(self, seed: int) -> Fleet:
        """Return a client of its own to all replicas."""
        channels = [self.connect(member) for member in self.servers]
        return Fleet({WORKLOADS: channels}, clock=SystemClock(), rand=SystemRand(seed))

    def end_watches(self, member: str) -> None:
        """End every watch at a replica, as one does that goes away."""
        self.stores[member].replica.hub.end_all(Unavailable("the replica goes away"))

    def depose(self) -> None:
        """End the leader's session: the next in line leads."""
        self.coordination.revoke("workloads")


@asynccontextmanager
async def replicated_workloads(members: str = "abc", seed: int = 1) -> AsyncIterator[ReplicatedWorkloads]:
    clock, coordination, log = SystemClock(), LocalCoordination(), ForgetfulLog(seed)
    logs, events = StoreLogs(log, MemoryLog()), StoreLogs(MemoryLog(), MemoryLog())
    opened = ReplicatedWorkloads(coordination, log)
    async with AsyncExitStack() as stack:
        for member in members:
            doors = StoreDoors(coordination, clock, SystemRand(ord(member) + seed), member)
            store = await stack.enter_async_context(assemble_workload_store(logs, events, doors))
            opened.stores[member] = store
            await _serve(opened, member, store, stack)
        for store in opened.stores.values():
            await until_furnished(store)
        yield opened


async def _serve(opened: ReplicatedWorkloads, member: str, store: WorkloadStore, stack: AsyncExitStack) -> None:
    forwarding = Forwarding(member, store.replica.find_leader, opened.connect)
    stack.push_async_callback(forwarding.close)
    server: Any = InProcessServer([CallInterceptor(clock=SystemClock(), rand=SystemRand(2)), forwarding])
    add_WorkloadStoreServicer_to_server(store, server)
    await server.start()
    stack.push_async_callback(server.stop, None)
    opened.servers[member] = server
