"""The controller over a fleet that fails: what it asks for, how often, and that it gets there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from statefleet.errors import FleetError, Forbidden, Unavailable
from statefleet.objects.kinds import (
    CONTROLLER_REVISION,
    EVENT,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    STATEFUL_SET,
    WORKLOADS,
    kind_of,
)
from statefleet.objects.meta import REVISION_LABEL
from statefleet.objects.pods import is_ready
from statefleet.objects.times import to_time
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.loop import Worker
from statefleet.runtime.tasks import Tasks
from statefleet.statefulset.controller import WATCHED_KINDS, StatefulSetController
from support.daemon_objects import copy_of
from support.fleet_objects import stateful_set
from support.node_stand_in import NodeStandIn
from support.stores import ManualClock
from support.unplaced import Unplaced
from support.worker_fleet import WorkerFleet


class Bench:
    def __init__(self) -> None:
        self.fleet = WorkerFleet()
        self.clock = ManualClock()
        self.nodes = NodeStandIn(self.fleet, self.clock)

    @asynccontextmanager
    async def running(self, workers: int = 1) -> AsyncIterator[None]:
        async with Tasks("test") as tasks:
            tasks.spawn(self.nodes.run(), "nodes")
            for number in range(workers):
                tasks.spawn(self.worker(f"worker-{number}").run(), f"worker-{number}")
            yield

    def worker(self, holder: str) -> Worker:
        cache, events = Cache(self.fleet, WATCHED_KINDS, self.clock), EventSink(self.fleet, self.clock)
        controller = StatefulSetController(cache, events, Unplaced(), self.clock)
        return Worker(self.fleet, cache, [controller], events=events, clock=self.clock, holder=holder)

    def change(self, **changes: Any) -> None:
        message = type(self.set)()
        message.CopyFrom(self.set)
        message.metadata.generation += 1
        for name, value in changes.items():
            if name == "image":
                message.spec.template.spec.containers[0].image = value
            else:
                setattr(message.spec, name, value)
        self.fleet.put(message)

    @property
    def set(self) -> Any:
        return self.fleet.find(STATEFUL_SET, "web")

    def images(self) -> list[str]:
        return [pod.spec.containers[0].image for pod in self.fleet.all(POD)]

    def count(self, write: str) -> int:
        return sum(1 for written in self.fleet.writes if written.startswith(write))

    def told(self) -> list[tuple[str, str, str]]:
        return [(event.type, event.reason, event.message) for event in self.fleet.all(EVENT)]

    def is_replaced(self, pod: Any) -> bool:
        """Return whether another pod of the name is Ready."""
        found = self.fleet.find(POD, pod.metadata.name)
        return found is not None and found.metadata.uid != pod.metadata.uid and is_ready(found)

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            await self.clock.advance(0.01)
        raise AssertionError(f"it did not come about: {self.set.status}, {self.images()}")

    async def until_done(self, image: str, replicas: int = 3) -> None:
        def done() -> bool:
            status = self.set.status
            counted = status.updated_replicas == status.ready_replicas == status.replicas == replicas
            complete = counted and status.current_revision == status.update_revision
            return complete and self.images() == [image] * replicas

        await self.until(done)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.surface("revisions.template-only")
async def test_a_template_is_recorded_once(bench: Bench) -> None:
    bench.fleet.put(stateful_set())
    async with bench.running():
        await bench.until_done("nginx:1")
        bench.change(image="nginx:2")
        await bench.until_done("nginx:2")
        bench.change(replicas=5)
        await bench.until_done("nginx:2", 5)
    assert bench.count("record") == 2


async def test_a_revision_that_someone_deletes_is_recorded_again(bench: Bench) -> None:
    bench.fleet.put(stateful_set())
    async with bench.running():
        await bench.until_done("nginx:1")
        bench.fleet.remove(CONTROLLER_REVISION, "web-rev1")
        await bench.until(lambda: len(bench.fleet.all(CONTROLLER_REVISION)) == 1)


async def test_each_pod_costs_the_writes_it_needs(bench: Bench) -> None:
    bench.fleet.put(stateful_set(replicas=20, pod_management_policy="Parallel"))
    async with bench.running():
        await bench.until_done("nginx:1", 20)
    assert bench.count("create Pod") == 20
    assert bench.count("update_status StatefulSet") <= 5


@pytest.mark.surface("S3.one-failure", "S10.pods")
async def test_one_create_that_fails_holds_up_no_other_and_is_told(bench: Bench) -> None:
    def fail(verb: str, message: Any) -> None:
        if (verb, message.metadata.name) == ("create", "web-1"):
            raise Forbidden("exceeded quota")

    bench.fleet.before = fail
    bench.fleet.put(stateful_set(replicas=6, pod_management_policy="Parallel"))
    async with bench.running():
        await bench.until(lambda: len(bench.images()) == 5)
        await bench.until(lambda: len(bench.fleet.all(EVENT)) == 6)
        told = {event.message for event in bench.fleet.all(EVENT) if event.reason == "FailedCreate"}
        assert told == {"create Pod web-1 in StatefulSet web failed error: exceeded quota"}
        bench.fleet.before = lambda _verb, _message: None
        await bench.until_done("nginx:1", 6)


@pytest.mark.surface("S5.names", "S10.pods", "S10.claims")
async def test_a_claim_that_cannot_be_made_keeps_its_pod_from_being_made(bench: Bench) -> None:
    def fail(verb: str, message: Any) -> None:
        if kind_of(message) is PERSISTENT_VOLUME_CLAIM:
            raise Forbidden("exceeded quota")

    bench.fleet.before = fail
    wanted = stateful_set(replicas=1)
    wanted.spec.volume_claim_templates.add().metadata.name = "data"
    bench.fleet.put(wanted)
    async with bench.running():
        await bench.until(lambda: len(bench.fleet.all(EVENT)) == 2)
        assert bench.images() == []
        assert set(bench.told()) == {
            (
                "Warning",
                "FailedCreate",
                "create Claim data-web-0 for Pod web-0 in StatefulSet web failed error: exceeded quota",
            ),
            (
                "Warning",
                "FailedCreate",
                "create Pod web-0 in StatefulSet web failed error: failed to create PVC data-web-0: exceeded quota",
            ),
        }
        bench.fleet.before = lambda _verb, _message: None
        await bench.until_done("nginx:1", 1)
        await bench.until(lambda: len(bench.fleet.all(EVENT)) == 4)
    done = "create Claim data-web-0 Pod web-0 in StatefulSet web success"
    assert ("Normal", "SuccessfulCreate", done) in bench.told()


@pytest.mark.surface("S10.pods")
async def test_a_pod_that_cannot_be_deleted_is_told_of(bench: Bench) -> None:
    def fail(verb: str, message: Any) -> None:
        if verb == "delete":
            raise Forbidden("not now")

    bench.fleet.put(stateful_set(replicas=1))
    async with bench.running():
        await bench.until_done("nginx:1", 1)
        bench.fleet.before = fail
        bench.change(replicas=0)
        told = ("Warning", "FailedDelete", "delete Pod web-0 in StatefulSet web failed error: not now")
        await bench.until(lambda: told in bench.told())
        bench.fleet.before = lambda _verb, _message: None
        told = ("Normal", "SuccessfulDelete", "delete Pod web-0 in StatefulSet web successful")
        await bench.until(lambda: told in bench.told())
    assert {event.source.component for event in bench.fleet.all(EVENT)} == {"statefulset-controller"}


@pytest.mark.surface("S3.ended-pods")
@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
async def test_a_pod_that_has_ended_is_made_again_as_it_was(bench: Bench, policy: str, phase: str) -> None:
    wanted = stateful_set(replicas=2, pod_management_policy=policy)
    wanted.spec.update_strategy.rolling_update.partition = 1
    bench.fleet.put(wanted)
    images = {"web-0": "nginx:1", "web-1": "nginx:2"}
    async with bench.running():
        await bench.until_done("nginx:1", 2)
        bench.change(image="nginx:2")
        await bench.until(lambda: bench.images() == list(images.values()) and bench.set.status.ready_replicas == 2)
        for name, image in images.items():
            ended = copy_of(bench.fleet.find(POD, name))
            ended.status.phase = phase
            bench.fleet.put(ended)
            await bench.until(lambda ended=ended: bench.is_replaced(ended))  # type: ignore[misc]
            again = bench.fleet.find(POD, name)
            assert again.spec.containers[0].image == image
            assert again.metadata.labels[REVISION_LABEL] == ended.metadata.labels[REVISION_LABEL]
        await bench.until(lambda: bench.set.status.ready_replicas == 2)


@pytest.mark.surface("S3.slow-start")
async def test_where_no_pod_can_be_made_little_is_tried(bench: Bench) -> None:
    tried = set()

    def fail(verb: str, message: Any) -> None:
        if verb == "create" and kind_of(message) is POD:
            tried.add(message.metadata.name)
            raise Forbidden("exceeded quota")

    bench.fleet.before = fail
    bench.fleet.put(stateful_set(replicas=100, pod_management_policy="Parallel"))
    async with bench.running():
        await bench.until(lambda: bench.set.status.observed_generation == 1)
        await bench.clock.advance(60)
    assert 0 < len(tried) < 20


@pytest.mark.surface("S8.observed", "revisions.collision")
async def test_collisions_are_counted_in_the_status(bench: Bench) -> None:
    bench.fleet.collisions = 2
    bench.fleet.put(stateful_set())
    async with bench.running():
        await bench.until_done("nginx:1")
        assert bench.set.status.collision_count == 2
        bench.fleet.collisions = 0
        bench.change(image="nginx:2")
        await bench.until_done("nginx:2")
    assert bench.set.status.collision_count == 2


async def test_a_set_being_deleted_is_left_alone_but_for_its_status(bench: Bench) -> None:
    bench.fleet.put(stateful_set())
    async with bench.running():
        await bench.until_done("nginx:1")
        bench.fleet.writes.clear()
        going = type(bench.set)()
        going.CopyFrom(bench.set)
        going.metadata.deletion_timestamp.CopyFrom(to_time(1))
        bench.fleet.put(going)
        bench.change(image="nginx:2")
        bench.fleet.remove(POD, "web-1")
        await bench.until(lambda: bench.set.status.replicas == 2)
        assert set(bench.fleet.writes) == {"update_status StatefulSet web"}
        assert bench.set.status.update_revision == "web-rev1"


class Trouble:
    """Every so many writes of the worker one is refused or its reply is lost."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.calls = 0

    def strike(self, verb: str, message: Any) -> None:
        if verb == "update_status" and kind_of(message) is POD:
            return
        self.calls += 1
        if self.calls % self.every == 0:
            raise _pick(self.calls // self.every)


def _pick(number: int) -> FleetError:
    return Unavailable("the service is gone") if number % 2 else Forbidden("not now")


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
@pytest.mark.parametrize("every", [2, 3, 5])
@pytest.mark.parametrize("lost", [False, True])
async def test_it_gets_there_though_writes_fail(bench: Bench, policy: str, every: int, lost: bool) -> None:
    trouble = Trouble(every).strike
    bench.fleet.put(stateful_set(pod_management_policy=policy))
    async with bench.running():
        if lost:
            bench.fleet.after = trouble
        else:
            bench.fleet.before = trouble
        bench.change(image="nginx:2")
        await bench.until(lambda: len(bench.images()) == 3)
        bench.change(image="nginx:3")
        await bench.until_done("nginx:3")


async def test_two_workers_do_not_hurt_a_set(bench: Bench) -> None:
    bench.fleet.put(stateful_set())
    async with bench.running(workers=2):
        await bench.until_done("nginx:1")
        bench.nodes.fewest_ready = 3
        bench.change(image="nginx:2")
        await bench.until_done("nginx:2")
    assert bench.nodes.fewest_ready == 2
    assert bench.count("delete Pod") == 3


async def test_a_worker_that_sees_late_waits_for_what_it_wrote(bench: Bench) -> None:
    bench.fleet.put(stateful_set())
    async with bench.running():
        await bench.until_done("nginx:1")
        bench.change(image="nginx:2")
        for _ in range(200):
            bench.fleet.hold(WORKLOADS)
            await bench.clock.advance(0.01)
            bench.fleet.release(WORKLOADS)
            await bench.clock.advance(0.01)
            assert len(bench.fleet.all(POD)) >= 2
            if bench.images() == ["nginx:2"] * 3:
                break
        await bench.until_done("nginx:2")
    assert bench.count("delete Pod") == 3
