"""StatefulSets over the real services: scaling, updating, rolling back, adopting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.client.fleet import Fleet
from statefleet.errors import Conflict
from statefleet.objects.kinds import CONTROLLER_REVISION, EVENT, PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET, Kind
from statefleet.objects.meta import REVISION_LABEL, controller_of
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.loop import Worker
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.tasks import Tasks
from statefleet.statefulset.controller import WATCHED_KINDS, StatefulSetController
from support.fleet_objects import pod, stateful_set
from support.node_stand_in import NodeStandIn
from support.unplaced import Unplaced
from support.whole_fleet import whole_fleet


class Bench:
    """A fleet, its StatefulSet worker and something that runs its pods."""

    def __init__(self, fleet: Fleet) -> None:
        clock = SystemClock()
        self.fleet = fleet
        self.nodes = NodeStandIn(fleet, clock)
        cache, events = Cache(fleet, WATCHED_KINDS, clock), EventSink(fleet, clock)
        controller = StatefulSetController(cache, events, Unplaced(), clock)
        self.worker = Worker(fleet, cache, [controller], events=events, clock=clock, holder="tester")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with Tasks("bench") as tasks:
            tasks.spawn(self.nodes.run(), "nodes")
            tasks.spawn(self.worker.run(), "worker")
            yield

    async def get(self) -> StatefulSet:
        return await self.fleet.get(STATEFUL_SET, "web", "default")

    async def change(self, change: Callable[[StatefulSet], object]) -> None:
        while True:
            message = await self.get()
            change(message)
            try:
                await self.fleet.update(message)
            except Conflict:
                continue
            return

    async def until(self, condition: Callable[[StatefulSet], bool]) -> StatefulSet:
        """Return the set once a condition holds of it."""
        async with asyncio.timeout(20):
            while True:
                message = await self.get()
                if condition(message):
                    return message
                await asyncio.sleep(0.01)

    async def until_done(self) -> StatefulSet:
        return await self.until(is_done)

    async def pods(self) -> dict[str, Any]:
        listing = await self.fleet.list(POD, "default")
        return {message.metadata.name: message for message in listing.items}

    async def until_pod(self, name: str, condition: Callable[[Any], bool]) -> Any:
        """Return a pod once there is one of the name and a condition holds of it."""
        async with asyncio.timeout(20):
            while True:
                found = (await self.pods()).get(name)
                if found is not None and condition(found):
                    return found
                await asyncio.sleep(0.01)

    async def images(self) -> list[str]:
        return [message.spec.containers[0].image for message in (await self.pods()).values()]


def is_done(message: StatefulSet) -> bool:
    status = message.status
    return (
        status.observed_generation == message.metadata.generation
        and status.updated_replicas == status.ready_replicas == status.replicas == message.spec.replicas
        and status.current_revision == status.update_revision
    )


def set_image(image: str) -> Callable[[StatefulSet], object]:
    def change(message: StatefulSet) -> None:
        message.spec.template.spec.containers[0].image = image

    return change


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with whole_fleet() as fleet:
        found = Bench(fleet)
        async with found.running():
            yield found


@pytest.mark.surface("S6.labels", "S6.host", "S6.owner")
async def test_a_set_comes_up_and_its_pods_have_their_identity(bench: Bench) -> None:
    await bench.fleet.create(stateful_set(replicas=3))
    message = await bench.until_done()
    pods = await bench.pods()
    assert list(pods) == ["web-0", "web-1", "web-2"]
    first = pods["web-0"]
    assert (first.spec.hostname, first.spec.subdomain) == ("web-0", "web")
    assert dict(first.metadata.labels) == {
        "app": "web",
        "apps.kubernetes.io/pod-index": "0",
        "controller-revision-hash": message.status.update_revision,
        "statefulset.kubernetes.io/pod-name": "web-0",
    }
    owner = controller_of(first.metadata)
    assert owner is not None
    assert (owner.uid, owner.block_owner_deletion) == (message.metadata.uid, True)
    revision = await bench.fleet.get(CONTROLLER_REVISION, message.status.update_revision, "default")
    assert revision.metadata.labels["controller.kubernetes.io/hash"] != message.status.update_revision


async def test_an_update_keeps_all_but_one_ready(bench: Bench) -> None:
    await bench.fleet.create(stateful_set(replicas=4))
    await bench.until_done()
    bench.nodes.fewest_ready = 4
    await bench.change(set_image("nginx:2"))
    await bench.until_done()
    assert await bench.images() == ["nginx:2"] * 4
    assert bench.nodes.fewest_ready == 3


@pytest.mark.surface("S1.stops", "S1.broken-first", "revisions.same-object-again")
async def test_a_bad_image_stops_the_update_and_a_rollback_heals(bench: Bench) -> None:
    bench.nodes.bad_images.add("nginx:bad")
    await bench.fleet.create(stateful_set(replicas=3))
    first = (await bench.until_done()).status.update_revision
    await bench.change(set_image("nginx:bad"))
    await bench.until(lambda message: message.status.updated_replicas == 1 and message.status.ready_replicas == 2)
    assert await bench.images() == ["nginx:1", "nginx:1", "nginx:bad"]
    untouched = {name: message.metadata.uid for name, message in (await bench.pods()).items() if name != "web-2"}
    await bench.change(set_image("nginx:1"))
    healed = await bench.until_done()
    assert await bench.images() == ["nginx:1"] * 3
    assert healed.status.update_revision == first
    pods = await bench.pods()
    assert {name: pods[name].metadata.uid for name in untouched} == untouched
    revisions = (await bench.fleet.list(CONTROLLER_REVISION, "default")).items
    assert sorted(revision.revision for revision in revisions) == [2, 3]


@pytest.mark.surface("S1.partition", "S1.below-partition")
async def test_a_partition_spares_the_lower_pods_even_when_they_die(bench: Bench) -> None:
    await bench.fleet.create(stateful_set(replicas=3))
    old = (await bench.until_done()).status.update_revision

    def canary(message: StatefulSet) -> None:
        set_image("nginx:2")(message)
        message.spec.update_strategy.rolling_update.partition = 2

    await bench.change(canary)
    await bench.until(lambda message: message.status.updated_replicas == 1 and message.status.ready_replicas == 3)
    died = (await bench.pods())["web-0"].metadata.uid
    await bench.fleet.delete(POD, "web-0", "default", options=DeleteOptions(grace_period_seconds=0))
    reborn = await bench.until_pod("web-0", lambda found: found.metadata.uid != died)
    assert reborn.metadata.labels[REVISION_LABEL] == old
    assert await bench.images() == ["nginx:1", "nginx:1", "nginx:2"]


async def test_parallel_scales_up_and_down_at_once(bench: Bench) -> None:
    message = stateful_set(replicas=12)
    message.spec.pod_management_policy = "Parallel"
    await bench.fleet.create(message)
    await bench.until_done()

    def shrink(message: StatefulSet) -> None:
        message.spec.replicas = 2

    await bench.change(shrink)
    await bench.until_done()
    assert list(await bench.pods()) == ["web-0", "web-1"]


@pytest.mark.surface("S5.retention", "S5.names")
async def test_claims_come_before_pods_and_stay(bench: Bench) -> None:
    message = stateful_set(replicas=2)
    template = message.spec.volume_claim_templates.add()
    template.metadata.name = "data"
    template.spec.access_modes.append("ReadWriteOnce")
    template.spec.resources.requests["storage"].string = "1Gi"
    await bench.fleet.create(message)
    await bench.until_done()

    def shrink(message: StatefulSet) -> None:
        message.spec.replicas = 1

    await bench.change(shrink)
    await bench.until_done()
    claims = (await bench.fleet.list(PERSISTENT_VOLUME_CLAIM, "default")).items
    assert [claim.metadata.name for claim in claims] == ["data-web-0", "data-web-1"]
    assert [dict(claim.metadata.labels) for claim in claims] == [{"app": "web"}] * 2
    volume = (await bench.pods())["web-0"].spec.volumes[0]
    assert (volume.name, volume.volume_source.persistent_volume_claim.claim_name) == ("data", "data-web-0")


@pytest.mark.surface("revisions.limit")
async def test_history_is_cut_to_its_limit(bench: Bench) -> None:
    await bench.fleet.create(stateful_set(replicas=1, revision_history_limit=1))
    await bench.until_done()
    for number in range(2, 6):
        await bench.change(set_image(f"nginx:{number}"))
        await bench.until_done()
    async with asyncio.timeout(10):
        while len(revisions := (await bench.fleet.list(CONTROLLER_REVISION, "default")).items) > 2:
            await asyncio.sleep(0.01)
    assert sorted(revision.revision for revision in revisions) == [4, 5]


@pytest.mark.surface("revisions.adoption")
async def test_a_set_that_is_made_anew_adopts_pods_and_revisions(bench: Bench) -> None:
    await bench.fleet.create(stateful_set(replicas=2))
    before = await bench.until_done()
    uids = {name: message.metadata.uid for name, message in (await bench.pods()).items()}
    await bench.fleet.delete(STATEFUL_SET, "web", "default", options=DeleteOptions(grace_period_seconds=0))
    orphaned: tuple[Kind[Any], ...] = (POD, CONTROLLER_REVISION)
    for kind in orphaned:
        for orphan in (await bench.fleet.list(kind, "default")).items:
            del orphan.metadata.owner_references[:]
            await bench.fleet.update(orphan)
    await bench.fleet.create(stateful_set(replicas=2))
    after = await bench.until_done()
    assert after.metadata.uid != before.metadata.uid
    assert {name: message.metadata.uid for name, message in (await bench.pods()).items()} == uids
    revisions = (await bench.fleet.list(CONTROLLER_REVISION, "default")).items
    assert [(revision.metadata.name, revision.revision) for revision in revisions] == [
        (before.status.update_revision, 1)
    ]


async def test_a_pod_that_no_longer_matches_is_released_and_replaced(bench: Bench) -> None:
    await bench.fleet.create(stateful_set(replicas=1))
    await bench.until_done()
    stranger = (await bench.pods())["web-0"]
    stranger.metadata.labels["app"] = "elsewhere"
    await bench.fleet.update(stranger)
    await bench.until_pod("web-0", lambda found: not found.metadata.owner_references)


async def test_a_bare_pod_of_the_right_name_and_labels_is_adopted(bench: Bench) -> None:
    bare = pod("web-0", app="web")
    bare.spec.containers.add(name="c", image="nginx:0")
    await bench.fleet.create(bare)
    await bench.fleet.create(stateful_set(replicas=1))
    await bench.until_done()
    adopted = (await bench.pods())["web-0"]
    assert controller_of(adopted.metadata) is not None
    assert adopted.metadata.labels["statefulset.kubernetes.io/pod-name"] == "web-0"


@pytest.mark.surface("S10.pods")
async def test_events_tell_what_was_done(bench: Bench) -> None:
    await bench.fleet.create(stateful_set(replicas=1))
    await bench.until_done()
    await bench.change(set_image("nginx:2"))
    await bench.until_done()
    async with asyncio.timeout(10):
        while len(events := (await bench.fleet.list(EVENT, "default")).items) < 2:
            await asyncio.sleep(0.01)
    told = {(event.reason, event.message): event.count for event in events}
    assert told == {
        ("SuccessfulCreate", "create Pod web-0 in StatefulSet web successful"): 2,
        ("SuccessfulDelete", "delete Pod web-0 in StatefulSet web successful"): 1,
    }
