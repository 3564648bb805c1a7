"""What each caller is let do at the services, in process and over sockets alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from statefleet.api.core.v1.config_pb2 import Secret
from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.nodes.v1.node_registry_pb2_grpc import add_NodeRegistryServicer_to_server
from statefleet.api.nodes.v1.usage_pb2 import NodeUsage
from statefleet.api.revisions.v1.revision_history_pb2_grpc import add_RevisionHistoryServicer_to_server
from statefleet.api.rollouts.v1.rollouts_pb2_grpc import add_RolloutsServicer_to_server
from statefleet.api.workloads.v1.workload_store_pb2_grpc import add_WorkloadStoreServicer_to_server
from statefleet.authorization.interceptor import Authorization
from statefleet.client.fleet import Fleet
from statefleet.client.rollouts import Rollouts, stateful_set
from statefleet.coordination.local import LocalCoordination
from statefleet.errors import Conflict, Forbidden
from statefleet.nodes.assembly import assemble_node_registry
from statefleet.objects.kinds import (
    CONFIG_MAP,
    EVENT,
    NODE,
    NODES,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    REVISIONS,
    SECRET,
    SERVICE,
    WORKLOADS,
)
from statefleet.revisions.assembly import assemble_revision_history
from statefleet.rollouts.servicer import Rollouts as RolloutsServer
from statefleet.rpc.certificates import Authority
from statefleet.rpc.channel import connect
from statefleet.rpc.identity import (
    GATEWAYS_GROUP,
    MASTERS_GROUP,
    NODES_GROUP,
    VIEWERS_GROUP,
    WORKERS_GROUP,
    Identity,
    calling_for,
)
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.rpc.server import RpcServer
from statefleet.rpc.tls import ClientTls, ServerTls
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.memory_log import MemoryLog
from statefleet.workloads.assembly import assemble_workload_store, until_furnished
from support.objects import a_config_map, a_node, a_pod, a_service, a_stateful_set, meta, running

WEB = stateful_set("web")
ADMIN = Identity("admin", (MASTERS_GROUP,))
VIEWER = Identity("vera", (VIEWERS_GROUP,))
WORKER = Identity("system:statefleet:worker", (WORKERS_GROUP,))
GATEWAY = Identity("system:statefleet:gateway", (GATEWAYS_GROUP,))
NOBODY = Identity("bob")


def node(*names: str) -> Identity:
    """An agent's identity."""
    return Identity("agent", (NODES_GROUP, *(f"system:node:{name}" for name in names)))


@dataclass
class Guarded:
    """Services that ask who calls."""

    channel: Callable[[Identity], Any]

    def fleet(self, identity: Identity) -> Fleet:
        channel = self.channel(identity)
        return Fleet({WORKLOADS: channel, REVISIONS: channel, NODES: channel}, timeout=10.0)

    def rollouts(self, identity: Identity) -> Rollouts:
        return Rollouts(self.channel(identity))

    async def bound(self, name: str, node_name: str, **volumes: str) -> Pod:
        """Return a pod on a node that mounts a secret, a config map or a claim, each by its field's name."""
        admin, pod = self.fleet(ADMIN), a_pod(name)
        for index, (field, source) in enumerate(volumes.items()):
            volume = pod.spec.volumes.add(name=f"v{index}").volume_source
            if field == "secret":
                volume.secret.secret_name = source
            elif field == "config_map":
                volume.config_map.local_object_reference.name = source
            else:
                volume.persistent_volume_claim.claim_name = source
        await admin.create(pod)
        return (await admin.bind(name, "default", node_name)).object


def logs() -> StoreLogs:
    return StoreLogs(MemoryLog(), MemoryLog())


@pytest.fixture(params=["in process", "socket"])
async def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Guarded]:
    clock, rand, authority = SystemClock(), SystemRand(5), Authority(tmp_path / "ca", SystemClock())
    doors = StoreDoors(LocalCoordination(), clock, rand)
    async with AsyncExitStack() as stack:
        workloads = await stack.enter_async_context(assemble_workload_store(logs(), logs(), doors))
        revisions = await stack.enter_async_context(assemble_revision_history(logs(), doors))
        nodes = await stack.enter_async_context(assemble_node_registry(logs(), doors))
        interceptors = [CallInterceptor(clock=clock, rand=rand), Authorization(workloads.placements)]
        server: Any
        if request.param == "in process":
            server = InProcessServer(interceptors)
        else:
            tls = ServerTls(authority.server("server", ["localhost"]), authority.certificate)
            server = RpcServer("localhost:0", tls=tls, interceptors=interceptors)

        def channel(identity: Identity) -> Any:
            if request.param == "in process":
                opened: Any = server.channel(identity)
            else:
                pair = authority.client(identity, "-".join(identity.groups) or "none")
                opened = connect(f"localhost:{server.port}", tls=ClientTls(authority.certificate, pair))
            stack.push_async_callback(opened.close)
            return opened

        add_WorkloadStoreServicer_to_server(workloads, server)
        add_RevisionHistoryServicer_to_server(revisions, server)
        add_NodeRegistryServicer_to_server(nodes, server)
        found = Guarded(channel)
        stack.push_async_callback(server.stop, None)
        if request.param == "in process":
            add_RolloutsServicer_to_server(RolloutsServer(found.fleet(GATEWAY), clock), server)
            await server.start()
        else:
            late = LateFleet(found)
            add_RolloutsServicer_to_server(RolloutsServer(late, clock), server)  # type: ignore[arg-type]
            await server.start()
        await until_furnished(workloads)
        for service in (revisions, nodes):
            await service.replica.leading()
        yield found


class LateFleet:
    """A gateway's fleet, made once the server that it calls has a port."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._fleet: Fleet | None = None

    def __getattr__(self, name: str) -> Any:
        if self._fleet is None:
            self._fleet = self._guarded.fleet(GATEWAY)
        return getattr(self._fleet, name)


async def test_a_viewer_reads_everything_but_secrets_and_writes_nothing(guarded: Guarded) -> None:
    admin, viewer = guarded.fleet(ADMIN), guarded.fleet(VIEWER)
    await admin.create(a_config_map("x"))
    await admin.create(Secret(metadata=meta("s"), data={"password": b"hidden"}))
    assert (await viewer.get(CONFIG_MAP, "x", "default")).metadata.name == "x"
    assert [each.metadata.name for each in (await viewer.list(CONFIG_MAP, "default")).items] == ["x"]
    with pytest.raises(Forbidden) as caught:
        await viewer.delete(CONFIG_MAP, "x", "default")
    assert caught.value.message == (
        'configmaps "x" is forbidden: User "vera" cannot delete resource "configmaps" in API group "" '
        'in the namespace "default"'
    )
    assert caught.value.subject is not None
    assert (caught.value.subject.name, caught.value.subject.kind) == ("x", "configmaps")
    for refused in (
        viewer.get(SECRET, "s", "default"),
        viewer.list(SECRET),
        anext(viewer.watch([SECRET])),
        anext(viewer.watch([CONFIG_MAP, SECRET])),
        viewer.update(a_config_map("x")),
        viewer.cordon("n1"),
        viewer.register([a_node("n1")]),
        viewer.claim_shard(WORKLOADS, "s", "me"),
        viewer.record_revision(a_stateful_set()),
    ):
        with pytest.raises(Forbidden, match='User "vera" cannot'):
            await refused


async def test_somebody_without_a_role_may_do_nothing(guarded: Guarded) -> None:
    nobody = guarded.fleet(NOBODY)
    for refused in (
        nobody.get(CONFIG_MAP, "x", "default"),
        nobody.list(NODE),
        nobody.create(a_config_map("x")),
        anext(nobody.watch([POD])),
        guarded.rollouts(NOBODY).restart(WEB),
    ):
        with pytest.raises(Forbidden, match='User "bob" cannot'):
            await refused


async def test_a_gateway_may_do_what_those_may_for_whom_it_calls(guarded: Guarded) -> None:
    gateway = guarded.fleet(GATEWAY)
    with pytest.raises(Forbidden, match='User "system:statefleet:gateway" cannot create'):
        await gateway.create(a_config_map("x"))
    with calling_for(VIEWER), pytest.raises(Forbidden, match='User "vera" cannot create'):
        await gateway.create(a_config_map("x"))
    with calling_for(ADMIN):
        await gateway.create(a_config_map("x"))
    with calling_for(VIEWER):
        assert (await gateway.get(CONFIG_MAP, "x", "default")).metadata.name == "x"


async def test_rollouts_are_for_who_may_change_the_set(guarded: Guarded) -> None:
    await guarded.fleet(ADMIN).create(a_service())
    await guarded.fleet(ADMIN).create(a_stateful_set())
    assert (await guarded.rollouts(VIEWER).status(WEB)).target.name == "web"
    with pytest.raises(Forbidden, match='User "vera" cannot patch resource "statefulsets" in API group "apps"'):
        await guarded.rollouts(VIEWER).restart(WEB)
    assert (await guarded.rollouts(ADMIN).restart(WEB)).generation == 2


async def test_a_worker_makes_pods_and_changes_no_secrets_nor_sets(guarded: Guarded) -> None:
    worker = guarded.fleet(WORKER)
    await worker.create(a_pod("p"))
    await worker.bind("p", "default", "n1")
    await worker.claim_shard(WORKLOADS, "s", "me")
    for refused in (
        worker.create(Secret(metadata=meta("s"))),
        worker.create(a_stateful_set()),
        worker.evict("p", "default"),
        worker.register([a_node("n1")]),
    ):
        with pytest.raises(Forbidden, match='User "system:statefleet:worker" cannot create'):
            await refused


async def test_an_agent_sees_and_changes_the_pods_of_its_node_alone(guarded: Guarded) -> None:
    agent = guarded.fleet(node("n1"))
    own, other = await guarded.bound("own", "n1"), await guarded.bound("other", "n2")
    await guarded.fleet(ADMIN).create(a_pod("unbound"))
    assert (await agent.get(POD, "own", "default")).metadata.uid == own.metadata.uid
    assert (await agent.update_status(running(own))).object.status.phase == "Running"
    for name in ("other", "unbound", "absent"):
        with pytest.raises(Forbidden, match="only its own nodes"):
            await agent.get(POD, name, "default")
        with pytest.raises(Forbidden):
            await agent.delete(POD, name, "default")
    for refused in (
        agent.update_status(running(other)),
        agent.update(own),
        agent.create(a_pod("mine")),
        agent.bind("unbound", "default", "n1"),
        agent.evict("own", "default"),
        agent.list(SERVICE),
    ):
        with pytest.raises(Forbidden):
            await refused
    assert (await guarded.fleet(ADMIN).get(POD, "other", "default")).status.phase == "Pending"
    await agent.delete(POD, "own", "default")


async def test_an_agents_write_is_to_the_pod_that_is_its_and_to_none_after_it(guarded: Guarded) -> None:
    agent, admin = guarded.fleet(node("n1")), guarded.fleet(ADMIN)
    first = await guarded.bound("web-0", "n1")
    await admin.delete(POD, "web-0", "default", options=DeleteOptions(grace_period_seconds=0))
    second = await guarded.bound("web-0", "n2")
    with pytest.raises(Forbidden):
        await agent.update_status(running(first))
    await admin.delete(POD, "web-0", "default", options=DeleteOptions(grace_period_seconds=0))
    third = await guarded.bound("web-0", "n1")
    with pytest.raises(Conflict):
        await agent.update_status(running(second))
    assert third.metadata.uid != first.metadata.uid


async def test_an_agent_lists_and_follows_its_nodes_pods_by_its_selector_alone(guarded: Guarded) -> None:
    await guarded.bound("own", "n1")
    await guarded.bound("other", "n2")
    agent = guarded.fleet(node("n1"))
    listed = await agent.list(POD, field_selector="spec.nodeName=n1")
    assert [pod.metadata.name for pod in listed.items] == ["own"]
    assert await first_names(agent, "spec.nodeName=n1,status.phase=Pending") == ["own"]
    for selector in ("", "spec.nodeName=n2", "spec.nodeName!=", "spec.nodeName!=n2", "status.phase=Pending"):
        with pytest.raises(Forbidden, match="only its own nodes"):
            await agent.list(POD, field_selector=selector)
        with pytest.raises(Forbidden, match="only its own nodes"):
            await anext(agent.watch([POD], field_selector=selector))


async def first_names(agent: Fleet, selector: str) -> list[str]:
    """Return the names of the pods that a watch begins with."""
    found: list[str] = []
    async with (
        asyncio.timeout(10),
        aclosing(agent.watch([POD], field_selector=selector, send_initial_events=True)) as responses,
    ):
        async for response in responses:
            found += [event.object.pod.metadata.name for event in response.events if event.HasField("object")]
            if any(event.initial_events_end for event in response.events):
                break
    return found


async def test_a_simulating_agent_is_shown_its_own_nodes_of_what_it_asks_for(guarded: Guarded) -> None:
    await guarded.bound("own", "sim-1")
    await guarded.bound("other", "db-1")
    agent = guarded.fleet(node("sim-*"))
    assert await first_names(agent, "spec.nodeName!=") == ["own"]
    assert [pod.metadata.name for pod in (await agent.list(POD)).items] == ["own"]
    with pytest.raises(Forbidden):
        await agent.get(POD, "other", "default")
    await guarded.fleet(ADMIN).create(a_node("db-1"))
    await agent.register([a_node("sim-1")])
    assert [each.metadata.name for each in (await agent.list(NODE)).items] == ["sim-1"]


async def test_a_followed_watch_never_tells_of_another_nodes_pods(guarded: Guarded) -> None:
    agent, seen = guarded.fleet(node("sim-*")), list[str]()
    async with (
        asyncio.timeout(10),
        aclosing(agent.watch([POD], field_selector="spec.nodeName!=", send_initial_events=True)) as responses,
    ):
        await anext(responses)
        await guarded.bound("other", "db-1")
        await guarded.bound("own", "sim-1")
        async for response in responses:
            seen += [event.object.pod.metadata.name for event in response.events if event.HasField("object")]
            if "own" in seen:
                break
    assert seen == ["own"]


async def test_an_agent_registers_and_keeps_alive_its_own_node_alone(guarded: Guarded) -> None:
    agent, other = guarded.fleet(node("n1")), guarded.fleet(node("n2"))
    session = (await agent.register([a_node("n1")])).session
    assert not (await agent.heartbeat(["n1"], session)).lost
    assert (await agent.get(NODE, "n1")).metadata.name == "n1"
    for refused in (
        other.register([a_node("n1")]),
        other.register([a_node("n2"), a_node("n1")]),
        other.heartbeat(["n1"], session),
        other.heartbeat(["n2", "n1"], session),
        other.get(NODE, "n1"),
        other.update_status(a_node("n1")),
        other.list(NODE),
        agent.cordon("n1"),
        agent.delete(NODE, "n1"),
        agent.create(a_node("n3")),
    ):
        with pytest.raises(Forbidden):
            await refused


async def test_an_agent_reports_what_its_own_node_uses_and_viewers_read_it(guarded: Guarded) -> None:
    agent, viewer = guarded.fleet(node("n1")), guarded.fleet(VIEWER)
    session = (await agent.register([a_node("n1")])).session
    await guarded.fleet(node("n2")).register([a_node("n2")])
    own = NodeUsage(node="n1", cpu_nanocores=1)
    await agent.heartbeat(["n1"], session, usage=[own])
    assert await viewer.node_usage() == [own]
    assert await viewer.node_usage("n1") == [own]
    assert await viewer.pod_usage("default") == []
    for refused in (
        agent.heartbeat(["n1"], session, usage=[NodeUsage(node="n2")]),
        agent.node_usage("n1"),
        agent.pod_usage(node="n1"),
        guarded.fleet(NOBODY).node_usage(),
        guarded.fleet(NOBODY).pod_usage("default"),
    ):
        with pytest.raises(Forbidden):
            await refused


async def test_an_agent_reads_what_its_pods_mount(guarded: Guarded) -> None:
    admin, agent = guarded.fleet(ADMIN), guarded.fleet(node("n1"))
    for name in ("mounted", "others"):
        await admin.create(Secret(metadata=meta(name), data={"k": b"v"}))
        await admin.create(a_config_map(name))
    await guarded.bound("own", "n1", secret="mounted", config_map="mounted", claim="data")
    await guarded.bound("other", "n2", secret="others", config_map="others")
    assert (await agent.get(SECRET, "mounted", "default")).data["k"] == b"v"
    assert (await agent.get(CONFIG_MAP, "mounted", "default")).metadata.name == "mounted"
    assert len((await agent.list(SECRET, "default", field_selector="metadata.name=mounted")).items) == 1
    for refused in (
        agent.get(SECRET, "others", "default"),
        agent.get(CONFIG_MAP, "others", "default"),
        agent.get(PERSISTENT_VOLUME_CLAIM, "others", "default"),
        agent.list(SECRET, "default"),
        agent.list(SECRET, "default", field_selector="metadata.name=others"),
        agent.list(SECRET, field_selector="metadata.name=mounted"),
        anext(agent.watch([SECRET], namespace="default")),
        agent.update(Secret(metadata=meta("mounted"))),
        agent.delete(SECRET, "mounted", "default"),
    ):
        with pytest.raises(Forbidden):
            await refused


async def test_an_agent_tells_of_its_own_pods_and_nodes(guarded: Guarded) -> None:
    agent, worker = guarded.fleet(node("n1")), guarded.fleet(WORKER)
    own, other = await guarded.bound("own", "n1"), await guarded.bound("other", "n2")

    def event(about: Pod, name: str) -> Event:
        found = Event(metadata=meta(name), reason="Pulled", message="m", type="Normal")
        found.involved_object.kind, found.involved_object.namespace = "Pod", "default"
        found.involved_object.name, found.involved_object.uid = about.metadata.name, about.metadata.uid
        return found

    written = (await agent.create(event(own, "own.1"))).object
    written.count = 2
    await agent.update(written)
    with pytest.raises(Forbidden):
        await agent.create(event(other, "other.1"))
    theirs = (await worker.create(event(other, "other.2"))).object
    theirs.involved_object.CopyFrom(written.involved_object)
    with pytest.raises(Forbidden):
        await agent.update(theirs)
    with pytest.raises(Forbidden):
        await agent.record_events([event(own, "own.2"), event(other, "other.3")])
    with pytest.raises(Forbidden):
        await agent.record_events([event(own, "other.2")])
    assert await agent.record_events([event(own, "own.1"), event(own, "own.2")]) == {}
    assert await worker.record_events([event(other, "other.3")]) == {}
    with pytest.raises(Forbidden):
        await guarded.fleet(VIEWER).record_events([event(own, "own.3")])
    assert (await worker.get(EVENT, "other.2", "default")).involved_object.name == "other"
