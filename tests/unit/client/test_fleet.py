from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.autoscaling.v1.scale_pb2 import Scale
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.nodes.v1.node_registry_pb2 import (
    HeartbeatResponse,
    ListNodeUsageResponse,
    ListPodUsageRequest,
    ListPodUsageResponse,
    RegisterResponse,
)
from statefleet.api.nodes.v1.usage_pb2 import NodeUsage
from statefleet.api.object.v1.object_pb2 import Object, ObjectKey
from statefleet.api.object.v1.verbs_pb2 import (
    ClaimShardResponse,
    DeleteResponse,
    Fence,
    GetResponse,
    ListResponse,
    Slot,
    WriteResponse,
)
from statefleet.api.revisions.v1.revision_history_pb2 import ListRevisionsResponse, RecordResponse, RollBackResponse
from statefleet.api.workloads.v1.workload_store_pb2 import EvictResponse, ScaleResponse
from statefleet.client.fleet import Fleet, Listing, Written
from statefleet.errors import BadRequest, Conflict, Expired, NotFound, NotLeader, Timeout, Unavailable
from statefleet.objects.kinds import NODE, NODES, POD, REVISIONS, STATEFUL_SET, WORKLOADS
from statefleet.runtime.rand import SystemRand
from support.fake_services import FakeService, event, pod, serve_fake, told


class FirstOfAll(SystemRand):
    """Begins with the first of several replicas."""

    def uniform(self, low: float, high: float) -> float:
        return low


class InstantClock:
    """A clock on which only sleeping takes time, and none of the test's."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


@pytest.fixture
def workloads() -> FakeService:
    return FakeService()


@pytest.fixture
async def fleet(workloads: FakeService, clock: InstantClock) -> AsyncIterator[Fleet]:
    server = await serve_fake(WORKLOADS, workloads)
    fleet = Fleet({WORKLOADS: server.channel()}, field_manager="tester", clock=clock, rand=SystemRand(1))
    yield fleet
    await fleet.close()
    await server.stop(None)


class TestReading:
    async def test_get(self, fleet: Fleet, workloads: FakeService) -> None:
        workloads.answer(GetResponse(object=Object(pod=pod("a"))))
        found = await fleet.get(POD, "a", "default", uid="u", resource_version="0")
        assert found == pod("a")
        assert workloads.last().key == ObjectKey(kind="Pod", namespace="default", name="a")
        assert (workloads.last().uid, workloads.last().resource_version) == ("u", "0")

    async def test_an_error_arrives_as_itself(self, fleet: Fleet, workloads: FakeService) -> None:
        workloads.answer(NotFound('pods "a" not found'))
        with pytest.raises(NotFound, match='pods "a" not found'):
            await fleet.get(POD, "a", "default")

    async def test_a_list_joins_the_messages_of_its_stream(self, fleet: Fleet, workloads: FakeService) -> None:
        workloads.answer(
            [
                ListResponse(objects=[Object(pod=pod("a")), Object(pod=pod("b"))], resource_version="7"),
                ListResponse(
                    objects=[Object(pod=pod("c"))], resource_version="7", continue_token="t", remaining_item_count=4
                ),
            ]
        )
        listing = await fleet.list(POD, "default", label_selector="app=web", limit=3)
        assert listing == Listing([pod("a"), pod("b"), pod("c")], "7", "t", 4)
        assert (workloads.last().kind, workloads.last().label_selector, workloads.last().limit) == (
            "Pod",
            "app=web",
            3,
        )

    async def test_a_list_that_breaks_off_is_asked_again_from_its_start(
        self, fleet: Fleet, workloads: FakeService
    ) -> None:
        first = ListResponse(objects=[Object(pod=pod("a"))], resource_version="7")
        workloads.answer([first, Unavailable("gone")], [first])
        assert (await fleet.list(POD)).items == [pod("a")]

    async def test_watch(self, fleet: Fleet, workloads: FakeService) -> None:
        workloads.answer([told(event("ADDED", pod("a", 3))), told(event("DELETED", pod("a", 4)))])
        responses = [
            response async for response in fleet.watch([POD, STATEFUL_SET], namespace="default", resource_version="2")
        ]
        assert [response.resource_version for response in responses] == ["3", "4"]
        assert list(workloads.last().kinds) == ["Pod", "StatefulSet"]

    async def test_a_watch_of_a_forgotten_version(self, fleet: Fleet, workloads: FakeService) -> None:
        workloads.answer([told(event("EXPIRED", version=9))])
        with pytest.raises(Expired, match="too old resource version: 2"):
            await anext(fleet.watch([POD], resource_version="2"))

    async def test_a_watch_is_not_repeated(self, fleet: Fleet, workloads: FakeService) -> None:
        workloads.answer([Unavailable("gone")])
        with pytest.raises(Unavailable):
            await anext(fleet.watch([POD]))
        assert len(workloads.requests) == 1

    @pytest.mark.parametrize("kinds", [[], [POD, NODE]])
    async def test_a_watch_is_of_one_service(self, fleet: Fleet, kinds: list[object]) -> None:
        with pytest.raises(BadRequest):
            await anext(fleet.watch(kinds))  # type: ignore[arg-type]

    async def test_a_service_without_a_channel(self, fleet: Fleet) -> None:
        with pytest.raises(Unavailable):
            await fleet.get(NODE, "n1")


class TestWriting:
    async def test_create(self, fleet: Fleet, workloads: FakeService) -> None:
        workloads.answer(WriteResponse(object=Object(pod=pod("a", 5)), warnings=["careful"]))
        slot, fence = Slot(name="s", limit=1), Fence(shard="x/1", epoch=3)
        written = await fleet.create(pod("a"), slot=slot, fence=fence, dry_run=True)
        assert written == Written(pod("a", 5), ("careful",))
        request = workloads.last()
        assert (request.slot, request.options.fence) == (slot, fence)
        assert (request.options.dry_run, request.options.field_manager) == (True, "tester")
        assert request.options.request_id

    async def test_update_and_update_status(self, fleet: Fleet, workloads: FakeService) -> None:
        for name, call in (("Update", fleet.update), ("UpdateStatus", fleet.update_status)):
            workloads.answer(WriteResponse(object=Object(pod=pod("a", 6))))
            assert (await call(pod("a", 5), field_manager="other")).object == pod("a", 6)
            assert workloads.requests[-1][0] == name
            assert workloads.last().object.pod == pod("a", 5)
            assert workloads.last().options.field_manager == "other"

    async def test_each_write_has_an_identifier_of_its_own(self, fleet: Fleet, workloads: FakeService) -> None:
        for _ in range(2):
            workloads.answer(WriteResponse())
            await fleet.update(pod("a"))
        first, second = (request.options.request_id for _, request in workloads.requests)
        assert first != second

    async def test_delete(self, fleet: Fleet, workloads: FakeService) -> None:
        workloads.answer(DeleteResponse(deleted=True, resource_version="9"))
        options = DeleteOptions(grace_period_seconds=0, dry_run=["All"])
        assert (await fleet.delete(POD, "a", "default", options=options)).deleted
        assert workloads.last().delete_options == options
        assert workloads.last().options.dry_run

    async def test_what_only_the_workload_store_does(self, fleet: Fleet, workloads: FakeService) -> None:
        scale = Scale()
        scale.spec.replicas = 3
        workloads.answer(
            WriteResponse(object=Object(pod=pod("a", 5))),
            EvictResponse(),
            ScaleResponse(scale=scale),
            ScaleResponse(scale=scale),
            DeleteResponse(deleted=True),
            ClaimShardResponse(resource_version="4"),
        )
        assert (await fleet.bind("a", "default", "n1", observed_version="4", any_node=True)).object == pod("a", 5)
        bind = workloads.last()
        assert (bind.name, bind.namespace, bind.node, bind.any_node) == ("a", "default", "n1", True)
        await fleet.evict("a", "default", options=DeleteOptions(grace_period_seconds=1))
        assert workloads.last().delete_options.grace_period_seconds == 1
        assert await fleet.get_scale(STATEFUL_SET, "web", "default") == scale
        assert await fleet.update_scale(STATEFUL_SET, "web", "default", scale) == scale
        assert workloads.last().key == ObjectKey(kind="StatefulSet", namespace="default", name="web")
        assert (await fleet.finalize_namespace("old", "u")).deleted
        assert (await fleet.claim_shard(WORKLOADS, "scheduling/0", "me")).resource_version == "4"

    async def test_the_other_services(self, clock: InstantClock) -> None:
        revisions, nodes = FakeService(), FakeService()
        fleet = Fleet(
            {
                REVISIONS: (await serve_fake(REVISIONS, revisions)).channel(),
                NODES: (await serve_fake(NODES, nodes)).channel(),
            },
            clock=clock,
        )
        revision = ControllerRevision(revision=2)
        revisions.answer(
            RecordResponse(revision=revision),
            ListRevisionsResponse(revisions=[revision]),
            RollBackResponse(revision=revision, patch=b"{}"),
        )
        assert (await fleet.record_revision(StatefulSet())).revision == revision
        assert list(await fleet.list_revisions(STATEFUL_SET, "web", "default", uid="u")) == [revision]
        assert revisions.last().owner.uid == "u"
        assert (await fleet.roll_back(STATEFUL_SET, "web", "default", to_revision=2)).patch == b"{}"
        node = Node()
        node.metadata.name = "n1"
        nodes.answer(
            RegisterResponse(session=3), HeartbeatResponse(lost=["n1"]), WriteResponse(object=Object(node=node))
        )
        assert (await fleet.register([node])).session == 3
        assert list((await fleet.heartbeat(["n1"], 3)).lost) == ["n1"]
        assert (await fleet.cordon("n1")).object == node
        assert nodes.last().unschedulable
        used = [NodeUsage(node=name) for name in ("n1", "n2", "n3")]
        nodes.answer(ListNodeUsageResponse(nodes=used[:2], next="n2"), ListNodeUsageResponse(nodes=used[2:]))
        assert await fleet.node_usage() == used
        assert nodes.last().after == "n2"
        nodes.answer(ListPodUsageResponse(nodes=used[:1], next="n1"), ListPodUsageResponse(nodes=used[1:]))
        assert await fleet.pod_usage("db", node="n") == used
        assert nodes.last() == ListPodUsageRequest(namespace="db", node="n", after="n1")
        await fleet.close()


class TestRepeating:
    @pytest.mark.parametrize("error", [Unavailable("restarting"), NotLeader("ask another")])
    async def test_a_write_is_repeated_under_one_identifier(
        self, fleet: Fleet, workloads: FakeService, error: Exception
    ) -> None:
        workloads.answer(error, error, WriteResponse(object=Object(pod=pod("a", 5))))
        assert (await fleet.create(pod("a"))).object == pod("a", 5)
        identifiers = {request.options.request_id for _, request in workloads.requests}
        assert (len(workloads.requests), len(identifiers)) == (3, 1)

    async def test_a_given_identifier_is_kept(self, fleet: Fleet, workloads: FakeService) -> None:
        workloads.answer(WriteResponse())
        await fleet.create(pod("a"), request_id="mine")
        assert workloads.last().options.request_id == "mine"

    @pytest.mark.parametrize("error", [Conflict("changed"), Timeout("slow"), NotFound("gone")])
    async def test_other_errors_are_not_repeated(
        self, fleet: Fleet, workloads: FakeService, error: Exception
    ) -> None:
        workloads.answer(error)
        with pytest.raises(type(error)):
            await fleet.update(pod("a"))
        assert len(workloads.requests) == 1

    async def test_pauses_grow_and_are_never_even(
        self, fleet: Fleet, workloads: FakeService, clock: InstantClock
    ) -> None:
        workloads.answer(*[Unavailable("down")] * 9, WriteResponse())
        await fleet.update(pod("a"))
        ceilings = [min(0.02 * 2**failures, 0.5) for failures in range(9)]
        assert all(top / 2 <= slept <= top for top, slept in zip(ceilings, clock.slept, strict=True))

    async def test_the_last_error_is_raised_before_the_deadline(
        self, fleet: Fleet, workloads: FakeService, clock: InstantClock
    ) -> None:
        workloads.answer(*[Unavailable("down")] * 1000)
        with pytest.raises(Unavailable, match="down"):
            await fleet.get(POD, "a", timeout=10)
        assert 9 < clock.time < 10

    async def test_the_next_replica_is_asked_and_kept(self, clock: InstantClock) -> None:
        follower, leader = FakeService(), FakeService()
        servers = [await serve_fake(WORKLOADS, follower), await serve_fake(WORKLOADS, leader)]
        fleet = Fleet({WORKLOADS: [server.channel() for server in servers]}, clock=clock, rand=FirstOfAll())
        follower.answer(NotLeader("ask another"))
        leader.answer(WriteResponse(), WriteResponse())
        await fleet.update(pod("a"))
        await fleet.update(pod("a"))
        assert (len(follower.requests), len(leader.requests)) == (1, 2)

    async def test_a_replica_that_is_down_is_left(self, clock: InstantClock) -> None:
        servers = [await serve_fake(WORKLOADS, FakeService()), await serve_fake(WORKLOADS, up := FakeService())]
        await servers[0].stop(None)
        fleet = Fleet({WORKLOADS: [server.channel() for server in servers]}, clock=clock, rand=FirstOfAll())
        up.answer(GetResponse(object=Object(pod=pod("a"))))
        assert await fleet.get(POD, "a") == pod("a")

    async def test_a_watch_goes_to_the_next_replica_when_one_is_down(self, clock: InstantClock) -> None:
        retiring, other = FakeService(), FakeService()
        servers = [await serve_fake(WORKLOADS, retiring), await serve_fake(WORKLOADS, other)]
        channels = [server.channel() for server in servers]
        fleet = Fleet({WORKLOADS: channels}, clock=clock, rand=FirstOfAll())
        retiring.answer([told(event("ADDED", pod("a", 3))), Unavailable("about to stop")])
        other.answer([told(event("ADDED", pod("b", 4)))])
        watch = fleet.watch([POD], resource_version="2")
        await anext(watch)
        with pytest.raises(Unavailable, match="about to stop"):
            await anext(watch)
        response = await anext(fleet.watch([POD], resource_version="3"))
        assert response.resource_version == "4"
