"""A caller may talk to any replica: what only the leader can do is passed on to it, once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from statefleet.api.nodes.v1.node_registry_pb2_grpc import add_NodeRegistryServicer_to_server
from statefleet.api.nodes.v1.usage_pb2 import NodeUsage, PodUsage
from statefleet.api.workloads.v1.workload_store_pb2_grpc import add_WorkloadStoreServicer_to_server
from statefleet.client.fleet import Fleet
from statefleet.coordination.local import LocalCoordination
from statefleet.errors import AlreadyExists, NotLeader, Unavailable
from statefleet.nodes.assembly import assemble_node_registry
from statefleet.objects.kinds import CONFIG_MAP, NODES, WORKLOADS
from statefleet.rpc.identity import SERVICES_GROUP, Identity
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.forwarding import Forwarding
from statefleet.store.memory_log import MemoryLog
from statefleet.workloads.assembly import assemble_workload_store, until_furnished
from support.objects import a_config_map, a_node
from support.stores import settle


@dataclass
class Replicas:
    """Replicas of a service, by member, each behind a server of its own."""

    service: int
    coordination: LocalCoordination
    stores: dict[str, Any] = field(default_factory=dict)
    servers: dict[str, Any] = field(default_factory=dict)

    def connect(self, member: str) -> Any:
        return self.servers[member].channel(Identity(member, (SERVICES_GROUP,)))

    def fleet(self, member: str) -> Fleet:
        """A client that knows one replica only."""
        return Fleet({self.service: self.connect(member)}, clock=SystemClock(), rand=SystemRand(3), timeout=0.2)


@asynccontextmanager
async def replicated(
    service: int, assemble: Callable[[StoreDoors], AbstractAsyncContextManager[Any]], register: Callable[..., None]
) -> AsyncIterator[Replicas]:
    """Run two replicas of a service, of which `a` leads."""
    clock, coordination = SystemClock(), LocalCoordination()
    opened = Replicas(service, coordination)
    async with AsyncExitStack() as stack:
        for member in ("a", "b"):
            doors = StoreDoors(coordination, clock, SystemRand(ord(member)), member)
            store = await stack.enter_async_context(assemble(doors))
            await settle()
            forwarding = Forwarding(member, store.replica.find_leader, opened.connect)
            stack.push_async_callback(forwarding.close)
            server: Any = InProcessServer([CallInterceptor(clock=clock, rand=SystemRand(1)), forwarding])
            register(store, server)
            await server.start()
            stack.push_async_callback(server.stop, None)
            opened.stores[member], opened.servers[member] = store, server
        yield opened


@pytest.fixture
async def replicas() -> AsyncIterator[Replicas]:
    """Replicas of the workload store."""
    logs, events = StoreLogs(MemoryLog(), MemoryLog()), StoreLogs(MemoryLog(), MemoryLog())
    assemble = partial(assemble_workload_store, logs, events)
    async with replicated(WORKLOADS, assemble, add_WorkloadStoreServicer_to_server) as opened:
        for store in opened.stores.values():
            await until_furnished(store)
        yield opened


@pytest.fixture
async def registries() -> AsyncIterator[Replicas]:
    """Replicas of the node registry."""
    assemble = partial(assemble_node_registry, StoreLogs(MemoryLog(), MemoryLog()))
    async with replicated(NODES, assemble, add_NodeRegistryServicer_to_server) as opened:
        await opened.stores["a"].replica.leading()
        yield opened


async def test_a_write_at_a_follower_is_the_leaders(replicas: Replicas) -> None:
    follower, leader = replicas.fleet("b"), replicas.fleet("a")
    written = (await follower.create(a_config_map("x"))).object
    assert await leader.get(CONFIG_MAP, "x", "default") == written
    assert await follower.get(CONFIG_MAP, "x", "default") == written
    claimed = await follower.claim_shard(WORKLOADS, "shard", "worker")
    assert claimed.fence.epoch == 1


async def test_an_error_of_the_leaders_arrives_as_itself(replicas: Replicas) -> None:
    follower = replicas.fleet("b")
    await follower.create(a_config_map("x"))
    with pytest.raises(AlreadyExists, match='configmaps "x" already exists'):
        await follower.create(a_config_map("x"))


async def test_the_leader_is_the_one_that_the_log_names(replicas: Replicas) -> None:
    replicas.coordination.revoke("workloads")
    await replicas.stores["b"].replica.leading()
    await replicas.stores["a"].replica.read_barrier()
    written = (await replicas.fleet("a").create(a_config_map("x"))).object
    assert await replicas.fleet("b").get(CONFIG_MAP, "x", "default") == written


async def test_without_a_leader_it_is_said_that_there_is_none(replicas: Replicas) -> None:
    await replicas.stores["b"].replica.retire()
    await replicas.stores["a"].replica.retire()
    with pytest.raises(Unavailable, match="no replica leads at present") as caught:
        await replicas.fleet("a").create(a_config_map("x"))
    assert caught.value.subject is not None
    assert caught.value.subject.retry_after_seconds == 1
    with pytest.raises(NotLeader):
        await replicas.fleet("b").create(a_config_map("x"))


async def test_what_is_used_is_told_to_any_replica_and_read_at_any(registries: Replicas) -> None:
    follower, leader = registries.fleet("b"), registries.fleet("a")
    session = (await follower.register([a_node("n1")])).session
    used = NodeUsage(node="n1", cpu_nanocores=5, pods=[PodUsage(namespace="default", name="web-0")])
    await follower.heartbeat(["n1"], session, usage=[used])
    assert [usage.cpu_nanocores for usage in await follower.node_usage("n1")] == [5]
    assert await follower.pod_usage() == await leader.pod_usage() == [NodeUsage(node="n1", pods=used.pods)]
