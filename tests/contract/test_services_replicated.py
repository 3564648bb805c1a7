"""What holds where a service has several replicas: followers read, one leads, another goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from statefleet.api.object.v1.object_pb2 import ObjectKey
from statefleet.api.object.v1.verbs_pb2 import (
    ClaimShardRequest,
    CreateRequest,
    GetRequest,
    WatchRequest,
    WriteOptions,
)
from statefleet.coordination.local import LocalCoordination
from statefleet.errors import NotLeader
from statefleet.objects.kinds import CONFIG_MAP
from statefleet.runtime.rand import SystemRand
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.memory_log import MemoryLog
from statefleet.workloads.assembly import assemble_workload_store, until_furnished
from statefleet.workloads.servicer import WorkloadStore
from support.objects import a_config_map
from support.stores import ManualClock, settle


@dataclass
class Pair:
    leader: WorkloadStore
    follower: WorkloadStore
    coordination: LocalCoordination


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with opened_pair() as opened:
        yield opened


@asynccontextmanager
async def opened_pair() -> AsyncIterator[Pair]:
    coordination, clock = LocalCoordination(), ManualClock()
    logs, events = StoreLogs(MemoryLog(), MemoryLog()), StoreLogs(MemoryLog(), MemoryLog())
    async with AsyncExitStack() as stack:
        stores = []
        for member in ("a", "b"):
            doors = StoreDoors(coordination, clock, SystemRand(ord(member)), member)
            stores.append(await stack.enter_async_context(assemble_workload_store(logs, events, doors)))
            await settle()
        for store in stores:
            await until_furnished(store)
        yield Pair(stores[0], stores[1], coordination)


def create(name: str, request_id: str = "") -> CreateRequest:
    return CreateRequest(object=CONFIG_MAP.wrap(a_config_map(name)), options=WriteOptions(request_id=request_id))


def get(name: str) -> GetRequest:
    return GetRequest(key=ObjectKey(kind="ConfigMap", namespace="default", name=name))


async def test_both_know_what_every_fleet_has(pair: Pair) -> None:
    assert pair.leader.replica.is_leader
    assert not pair.follower.replica.is_leader


async def test_a_follower_reads_what_was_just_written(pair: Pair) -> None:
    written = await pair.leader.Create(create("a"), None)
    assert (await pair.follower.Get(get("a"), None)).object == written.object


async def test_a_follower_does_not_write(pair: Pair) -> None:
    with pytest.raises(NotLeader):
        await pair.follower.Create(create("a"), None)


async def test_a_watch_goes_on_at_another_replica(pair: Pair) -> None:
    first = await pair.leader.Create(create("a"), None)
    await pair.leader.Create(create("b"), None)
    version = first.object.config_map.metadata.resource_version
    request = WatchRequest(kinds=["ConfigMap"], resource_version=version)
    messages = pair.follower.Watch(request, None)
    message = await anext(messages)
    assert [event.object.config_map.metadata.name for event in message.events] == ["b"]


async def test_a_claim_at_the_leader_tells_a_followers_watchers_how_far_they_are(pair: Pair) -> None:
    version = str(pair.leader.replica.state.version)
    messages = pair.follower.Watch(WatchRequest(kinds=["StatefulSet"], resource_version=version), None)
    first = asyncio.ensure_future(anext(messages))
    await settle()
    await pair.leader.Create(create("a"), None)
    claim = await pair.leader.ClaimShard(ClaimShardRequest(shard="statefulset/0", holder="worker"), None)
    message = await first
    assert not message.events
    assert message.resource_version == claim.resource_version


async def test_another_leads_on_and_knows_the_requests(pair: Pair) -> None:
    first = await pair.leader.Create(create("a", "once"), None)
    pair.coordination.revoke("workloads")
    await settle()
    await pair.follower.replica.leading()
    assert not pair.leader.replica.is_leader
    with pytest.raises(NotLeader):
        await pair.leader.Create(create("b"), None)
    assert await pair.follower.Create(create("a", "once"), None) == first
    second = await pair.follower.Create(create("b"), None)
    assert (await pair.leader.Get(get("b"), None)).object == second.object
