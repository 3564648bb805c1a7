"""What callers of the services rely on, over every log and on every wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from statefleet.api.nodes.v1.node_registry_pb2_grpc import add_NodeRegistryServicer_to_server
from statefleet.api.nodes.v1.usage_pb2 import NodeUsage, PodUsage
from statefleet.api.object.v1.verbs_pb2 import WatchEvent
from statefleet.api.revisions.v1.revision_history_pb2_grpc import add_RevisionHistoryServicer_to_server
from statefleet.api.workloads.v1.workload_store_pb2_grpc import add_WorkloadStoreServicer_to_server
from statefleet.client.fleet import Fleet
from statefleet.coordination.local import LocalCoordination
from statefleet.errors import AlreadyExists, Conflict, Invalid, NotFound, TooManyRequests
from statefleet.nodes.assembly import assemble_node_registry
from statefleet.objects.kinds import CONFIG_MAP, NODE, NODES, POD, REVISIONS, STATEFUL_SET, WORKLOADS
from statefleet.revisions.assembly import assemble_revision_history
from statefleet.rpc.channel import connect
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.rpc.server import RpcServer
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.memory_log import MemoryLog
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_log import SqliteLog
from statefleet.workloads.assembly import assemble_workload_store, until_furnished
from support.objects import a_budget, a_config_map, a_node, a_pod, a_stateful_set, running


class Logs:
    """Opens the logs of each store; the same ones when it is asked again."""

    def __init__(self, kind: str, directory: Path) -> None:
        self._kind = kind
        self._directory = directory
        self._memory: dict[str, StoreLogs] = {}

    async def open(self, name: str, stack: AsyncExitStack) -> StoreLogs:
        if self._kind == "memory":
            return self._memory.setdefault(name, StoreLogs(MemoryLog(), MemoryLog()))
        file = await stack.enter_async_context(SqliteFile(self._directory / f"{name}.db"))
        return StoreLogs(await SqliteLog.open(file, "records"), await SqliteLog.open(file, "snapshots"))


@asynccontextmanager
async def serve(wire: str, logs: Logs, socket: Path) -> AsyncIterator[Fleet]:
    clock, rand = SystemClock(), SystemRand(11)
    doors = StoreDoors(LocalCoordination(), clock, rand)
    async with AsyncExitStack() as stack:
        opened = {name: await logs.open(name, stack) for name in ("workloads", "events", "revisions", "nodes")}
        workloads = await stack.enter_async_context(
            assemble_workload_store(opened["workloads"], opened["events"], doors)
        )
        revisions = await stack.enter_async_context(assemble_revision_history(opened["revisions"], doors))
        nodes = await stack.enter_async_context(assemble_node_registry(opened["nodes"], doors))
        interceptors = [CallInterceptor(clock=clock, rand=rand)]
        address = f"unix:{socket}"
        server: Any = (
            InProcessServer(interceptors)
            if wire == "in process"
            else RpcServer(address, interceptors=interceptors, reflection=False)
        )
        add_WorkloadStoreServicer_to_server(workloads, server)
        add_RevisionHistoryServicer_to_server(revisions, server)
        add_NodeRegistryServicer_to_server(nodes, server)
        await server.start()
        stack.push_async_callback(server.stop, None)
        await until_furnished(workloads)
        for service in (revisions, nodes):
            await service.replica.leading()
        channel: Any = server.channel() if wire == "in process" else connect(address)
        stack.push_async_callback(channel.close)
        yield Fleet({WORKLOADS: channel, REVISIONS: channel, NODES: channel}, clock=clock, rand=rand)


@pytest.fixture(params=["memory", "sqlite"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Logs:
    return Logs(request.param, tmp_path)


@pytest.fixture(params=["in process", "socket"])
async def fleet(request: pytest.FixtureRequest, logs: Logs, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with serve(request.param, logs, tmp_path / "s") as served:
        yield served


async def test_a_pods_life(fleet: Fleet) -> None:
    created = (await fleet.create(a_pod())).object
    bound = (await fleet.bind("web-0", "default", "n1", uid=created.metadata.uid)).object
    assert bound.spec.node_name == "n1"
    ready = (await fleet.update_status(running(bound))).object
    assert "statefleet.io/first-ready" in ready.metadata.annotations
    assert not (await fleet.delete(POD, "web-0", "default")).deleted
    with pytest.raises(NotFound, match='pods "nope" not found'):
        await fleet.get(POD, "nope", "default")


async def test_errors_keep_their_class_their_words_and_their_subject(fleet: Fleet) -> None:
    await fleet.create(a_config_map("cm1"))
    with pytest.raises(AlreadyExists, match='configmaps "cm1" already exists') as taken:
        await fleet.create(a_config_map("cm1"))
    assert taken.value.subject is not None
    assert (taken.value.subject.kind, taken.value.subject.name) == ("configmaps", "cm1")
    with pytest.raises(Invalid) as invalid:
        await fleet.create(a_stateful_set("x", replicas=-1))
    assert invalid.value.message == (
        'StatefulSet.apps "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0'
    )
    assert invalid.value.subject is not None
    assert [cause.field for cause in invalid.value.subject.causes] == ["spec.replicas"]


async def test_pages_and_selectors(fleet: Fleet) -> None:
    for number in range(5):
        await fleet.create(a_config_map(f"cm-{number}", parity=str(number % 2)))
    first = await fleet.list(CONFIG_MAP, "default", limit=3)
    await fleet.delete(CONFIG_MAP, "cm-4", "default")
    rest = await fleet.list(CONFIG_MAP, "default", continue_token=first.continue_token)
    assert [item.metadata.name for item in [*first.items, *rest.items]] == [f"cm-{n}" for n in range(5)]
    odd = await fleet.list(CONFIG_MAP, "default", label_selector="parity=1")
    assert [item.metadata.name for item in odd.items] == ["cm-1", "cm-3"]


async def test_a_watch_shows_each_change_once_and_in_order(fleet: Fleet) -> None:
    version = (await fleet.create(a_config_map("a"))).object.metadata.resource_version

    async def three() -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []
        async for message in fleet.watch([CONFIG_MAP], resource_version=version):
            seen += [(event.type, event.object.config_map.metadata.name) for event in message.events]
            if len(seen) >= 3:
                break
        return seen

    watcher = asyncio.create_task(three())
    await fleet.create(a_config_map("b"))
    await fleet.update(a_config_map("b", data={"x": "y"}))
    await fleet.delete(CONFIG_MAP, "a", "default")
    assert await watcher == [
        (WatchEvent.TYPE_ADDED, "b"),
        (WatchEvent.TYPE_MODIFIED, "b"),
        (WatchEvent.TYPE_DELETED, "a"),
    ]


async def test_writes_at_once_neither_get_lost_nor_pass_twice(fleet: Fleet) -> None:
    for number in range(4):
        await fleet.create(a_pod(f"web-{number}", node="n1", app="web"))
        await fleet.update_status(running(a_pod(f"web-{number}")))
    budget = (await fleet.create(a_budget(app="web"))).object
    budget.status.disruptions_allowed, budget.status.observed_generation = 1, 1
    await fleet.update_status(budget)
    outcomes = await asyncio.gather(
        *(fleet.evict(f"web-{number}", "default") for number in range(4)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", *["TooManyRequests"] * 3]
    assert all(outcome is None or isinstance(outcome, TooManyRequests) for outcome in outcomes)


async def test_a_set_and_its_revisions(fleet: Fleet) -> None:
    owner = (await fleet.create(a_stateful_set())).object
    first = (await fleet.record_revision(owner)).revision
    owner.spec.template.spec.containers[0].image = "nginx:2"
    updated = (await fleet.update(owner)).object
    second = (await fleet.record_revision(updated)).revision
    assert (first.revision, second.revision) == (1, 2)
    answer = await fleet.roll_back(STATEFUL_SET, "web", "default", uid=owner.metadata.uid)
    assert answer.revision == first
    with pytest.raises(Conflict):
        await fleet.update(owner)


async def test_an_agents_nodes(fleet: Fleet) -> None:
    answer = await fleet.register([a_node("n1"), a_node("n2")])
    assert not (await fleet.heartbeat(["n1", "n2"], answer.session)).lost
    assert [node.metadata.name for node in (await fleet.list(NODE)).items] == ["n1", "n2"]
    used = NodeUsage(node="n2", cpu_nanocores=5, pods=[PodUsage(namespace="default", name="web-0")])
    await fleet.heartbeat(["n1", "n2"], answer.session, usage=[used])
    assert [usage.cpu_nanocores for usage in await fleet.node_usage()] == [5]
    assert [usage.pods for usage in await fleet.pod_usage("default")] == [used.pods]


async def test_what_was_answered_is_there_after_a_restart(logs: Logs, tmp_path: Path) -> None:
    async with serve("in process", logs, tmp_path / "s") as fleet:
        pod = (await fleet.create(a_pod(), request_id="once")).object
        version = (await fleet.list(POD)).resource_version
        await fleet.create(a_config_map("later"))
    async with serve("in process", logs, tmp_path / "s") as fleet:
        assert await fleet.get(POD, "web-0", "default") == pod
        assert (await fleet.create(a_pod(), request_id="once")).object == pod
        async for message in fleet.watch([CONFIG_MAP], resource_version=version):
            assert [event.object.config_map.metadata.name for event in message.events] == ["later"]
            break
