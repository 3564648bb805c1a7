"""The controller over a fleet that fails: what it asks for, how often, and that it gets there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from statefleet.api.object.v1.verbs_pb2 import Slot
from statefleet.daemonset.controller import WATCHED_KINDS, DaemonSetController
from statefleet.daemonset.placement import target_node
from statefleet.errors import Forbidden, Unavailable
from statefleet.objects.kinds import CONTROLLER_REVISION, DAEMON_SET, EVENT, NODE, POD, WORKLOADS, kind_of
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.loop import Worker
from statefleet.runtime.tasks import Tasks
from support.daemon_objects import copy_of, daemon_set, node
from support.node_stand_in import NodeStandIn
from support.stores import ManualClock
from support.unplaced import Unplaced
from support.worker_fleet import WorkerFleet


class SlotFleet(WorkerFleet):
    """Remembers which slots were asked for, and labels revisions as the history does."""

    def __init__(self) -> None:
        super().__init__()
        self.slots: list[tuple[str, int]] = []

    async def create(self, message: Any, *, slot: Slot | None = None, **more: Any) -> Any:
        if slot is not None:
            self.slots.append((slot.name, slot.limit))
        return await super().create(message, slot=slot, **more)

    async def record_revision(self, owner: Any, **more: Any) -> Any:
        answer = await super().record_revision(owner, **more)
        stored = self.find(CONTROLLER_REVISION, answer.revision.metadata.name)
        for meta in (stored.metadata, answer.revision.metadata):
            meta.labels["controller-revision-hash"] = meta.name.rpartition("-")[2]
        return answer


class Bench:
    def __init__(self) -> None:
        self.fleet = SlotFleet()
        self.clock = ManualClock()
        self.stand_in = NodeStandIn(self.fleet, self.clock)

    @asynccontextmanager
    async def running(self, workers: int = 1) -> AsyncIterator[None]:
        async with Tasks("test") as tasks:
            tasks.spawn(self.stand_in.run(), "nodes")
            for number in range(workers):
                tasks.spawn(self.worker(f"worker-{number}").run(), f"worker-{number}")
            yield

    def worker(self, holder: str) -> Worker:
        cache, events = Cache(self.fleet, WATCHED_KINDS, self.clock), EventSink(self.fleet, self.clock)
        controller = DaemonSetController(cache, events, Unplaced(), self.clock)
        return Worker(self.fleet, cache, [controller], events=events, clock=self.clock, holder=holder)

    def start(self, nodes: int = 3, **spec: Any) -> None:
        for number in range(1, nodes + 1):
            self.fleet.put(node(f"n{number}"))
        self.fleet.put(daemon_set(**spec))

    def set_image(self, image: str) -> None:
        message = copy_of(self.set)
        message.metadata.generation += 1
        message.spec.template.spec.containers[0].image = image
        self.fleet.put(message)

    @property
    def set(self) -> Any:
        return self.fleet.find(DAEMON_SET, "agent")

    def pods(self) -> dict[str, Any]:
        """Return the pods by the node that they are meant for; one each."""
        found = {target_node(pod): pod for pod in self.fleet.all(POD)}
        assert len(found) == len(self.fleet.all(POD))
        return found

    def images(self) -> list[str]:
        return [pod.spec.containers[0].image for _, pod in sorted(self.pods().items())]

    def count(self, write: str) -> int:
        return sum(1 for written in self.fleet.writes if written.startswith(write))

    def told(self, reason: str) -> list[str]:
        return [event.message for event in self.fleet.all(EVENT) if event.reason == reason]

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            await self.clock.advance(0.01)
        raise AssertionError(f"it did not come about: {self.set.status}, {self.images()}")

    async def until_one_has(self, image: str) -> None:
        await self.until(lambda: self.images().count(image) == 1)

    async def until_replaced(self, gone: Any) -> None:
        await self.until(lambda: gone.metadata.uid not in [pod.metadata.uid for pod in self.pods().values()])

    async def until_done(self, image: str, nodes: int = 3) -> None:
        def done() -> bool:
            status = self.set.status
            counted = status.updated_number_scheduled == status.number_available == status.desired_number_scheduled
            seen = status.observed_generation == self.set.metadata.generation
            return seen and counted and status.desired_number_scheduled == nodes and self.images() == [image] * nodes

        await self.until(done)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.surface("D1.two-pods", "D4.events")
async def test_every_node_gets_a_pod_in_a_slot(bench: Bench) -> None:
    bench.start()
    async with bench.running():
        await bench.until_done("agent:1")
        await bench.until(lambda: len(bench.told("SuccessfulCreate")) == 3)
    assert sorted(bench.pods()) == ["n1", "n2", "n3"]
    assert sorted(bench.fleet.slots) == [(f"{bench.set.metadata.uid}/n{number}", 1) for number in (1, 2, 3)]
    names = [pod.metadata.name for pod in bench.fleet.all(POD)]
    assert sorted(bench.told("SuccessfulCreate")) == [f"Created pod: {name}" for name in names]


@pytest.mark.surface("D1.two-pods")
async def test_while_surging_a_slot_has_room_for_two(bench: Bench) -> None:
    wanted = daemon_set()
    wanted.spec.update_strategy.rolling_update.max_unavailable.int_val = 0
    wanted.spec.update_strategy.rolling_update.max_surge.int_val = 1
    bench.fleet.put(node("n1"))
    bench.fleet.put(wanted)
    async with bench.running():
        await bench.until_done("agent:1", 1)
        bench.stand_in.fewest_ready = 1
        bench.set_image("agent:2")
        await bench.until(lambda: {pod.spec.containers[0].image for pod in bench.fleet.all(POD)} == {"agent:2"})
    assert {limit for _, limit in bench.fleet.slots} == {2}
    assert bench.stand_in.fewest_ready == 1


async def test_a_template_is_recorded_once_and_rolled_node_by_node(bench: Bench) -> None:
    bench.start(nodes=4)
    async with bench.running():
        await bench.until_done("agent:1", 4)
        before = {name: pod.metadata.name for name, pod in bench.pods().items()}
        bench.stand_in.fewest_ready = 4
        bench.set_image("agent:2")
        await bench.until_done("agent:2", 4)
    assert bench.stand_in.fewest_ready == 3
    assert bench.count("record") == 2
    after = {name: pod.metadata.name for name, pod in bench.pods().items()}
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


async def test_each_pod_costs_the_writes_it_needs(bench: Bench) -> None:
    bench.start(nodes=30)
    async with bench.running():
        await bench.until_done("agent:1", 30)
    assert bench.count("create Pod") == 30
    assert bench.count("update_status DaemonSet") <= 5


@pytest.mark.surface("D1.bad-updates")
async def test_a_bad_image_stops_after_one_node_three_times_over_and_heals(bench: Bench) -> None:
    bench.stand_in.bad_images |= {"agent:bad1", "agent:bad2", "agent:bad3"}
    bench.start(nodes=4)
    async with bench.running():
        await bench.until_done("agent:1", 4)
        bench.stand_in.fewest_ready = 4
        for number in (1, 2, 3):
            bench.set_image(f"agent:bad{number}")
            await bench.until_one_has(f"agent:bad{number}")
            await bench.clock.advance(30)
            assert sorted(bench.images()) == ["agent:1"] * 3 + [f"agent:bad{number}"]
        bench.set_image("agent:1")
        await bench.until_done("agent:1", 4)
    assert bench.stand_in.fewest_ready == 3


@pytest.mark.surface("D2.no-execute", "D2.no-schedule")
async def test_nodes_come_and_go_and_repel(bench: Bench) -> None:
    bench.start(nodes=2)
    async with bench.running():
        await bench.until_done("agent:1", 2)
        bench.fleet.put(node("n3"))
        bench.fleet.put(node("n4", ("dedicated", "NoSchedule")))
        await bench.until_done("agent:1", 3)
        bench.fleet.put(node("n1", ("dedicated", "NoSchedule")))
        await bench.until(lambda: bench.set.status.number_misscheduled == 1)
        assert sorted(bench.pods()) == ["n1", "n2", "n3"]
        bench.fleet.put(node("n1", ("dedicated", "NoExecute")))
        await bench.until(lambda: sorted(bench.pods()) == ["n2", "n3"])
        bench.fleet.put(node("n1"))
        await bench.until_done("agent:1", 3)


@pytest.mark.surface("D2.failed-pods", "D4.failed-pod-events")
async def test_failed_pods_go_at_ever_longer_intervals(bench: Bench) -> None:
    bench.start(nodes=1)
    async with bench.running():
        for number in range(1, 4):
            await bench.until_done("agent:1", 1)
            failed = copy_of(bench.pods()["n1"])
            failed.status.phase = "Failed"
            failed.status.conditions[0].status = "False"
            bench.fleet.put(failed)
            if number == 1:
                await bench.until(lambda: len(bench.told("FailedDaemonPod")) == 1)
                assert bench.told("FailedDaemonPod") == [
                    f"Found failed daemon pod default/{failed.metadata.name} on node n1, will try to kill it"
                ]
            else:
                await bench.clock.advance(2.0 ** (number - 2) / 2)
                assert bench.pods()["n1"].metadata.uid == failed.metadata.uid
                await bench.clock.advance(2.0 ** (number - 2))
            await bench.until_replaced(failed)


async def test_one_create_that_fails_holds_up_no_other_and_is_told(bench: Bench) -> None:
    def fail(verb: str, message: Any) -> None:
        if verb == "create" and message.DESCRIPTOR.name == "Pod" and target_node(message) == "n2":
            raise Forbidden("exceeded quota")

    bench.fleet.before = fail
    bench.start(nodes=6)
    async with bench.running():
        await bench.until(lambda: len(bench.pods()) == 5)
        await bench.until(lambda: bench.told("FailedCreate") == ["Error creating: exceeded quota"])
        bench.fleet.before = lambda _verb, _message: None
        await bench.until_done("agent:1", 6)


async def test_a_lost_reply_makes_no_second_pod(bench: Bench) -> None:
    lost = iter(range(3))

    def lose(verb: str, message: Any) -> None:
        if verb == "create" and message.DESCRIPTOR.name == "Pod" and next(lost, None) is not None:
            raise Unavailable("connection lost")

    bench.fleet.after = lose
    bench.start(nodes=5)
    async with bench.running():
        await bench.until_done("agent:1", 5)
    assert bench.count("delete Pod") == 0


async def test_two_workers_do_what_one_does(bench: Bench) -> None:
    bench.start(nodes=5)
    async with bench.running(workers=2):
        await bench.until_done("agent:1", 5)
        bench.stand_in.fewest_ready = 5
        bench.set_image("agent:2")
        await bench.until_done("agent:2", 5)
    assert bench.stand_in.fewest_ready == 4


async def test_pods_are_adopted_and_released(bench: Bench) -> None:
    bench.start(nodes=2)
    async with bench.running():
        await bench.until_done("agent:1", 2)
        before = {name: pod.metadata.uid for name, pod in bench.pods().items()}
        orphan = copy_of(bench.pods()["n1"])
        del orphan.metadata.owner_references[:]
        bench.fleet.put(orphan)
        await bench.until(lambda: len(bench.pods()["n1"].metadata.owner_references) == 1)
        assert {name: pod.metadata.uid for name, pod in bench.pods().items()} == before
        stranger = copy_of(bench.pods()["n2"])
        stranger.metadata.labels["app"] = "elsewhere"
        bench.fleet.put(stranger)
        await bench.until(lambda: len(bench.fleet.all(POD)) == 3)
        kept = bench.fleet.find(POD, stranger.metadata.name)
        assert not kept.metadata.owner_references


async def test_a_pod_that_was_let_go_does_not_keep_its_name_from_the_next_one(bench: Bench) -> None:
    def has_pods(count: int) -> bool:
        return len(bench.fleet.all(POD)) == count and bench.set.status.number_ready == 1

    bench.start(nodes=1)
    async with bench.running():
        await bench.until_done("agent:1", 1)
    for _ in range(2):  # Each time by a worker that does not know of what was there before.
        there = len(bench.fleet.all(POD))
        released = copy_of(next(pod for pod in bench.fleet.all(POD) if pod.metadata.owner_references))
        released.metadata.labels["app"] = "elsewhere"
        del released.metadata.owner_references[:]
        bench.fleet.put(released)
        async with bench.running():
            await bench.until(partial(has_pods, there + 1))


@pytest.mark.surface("D4.events")
async def test_pods_that_are_replaced_are_told(bench: Bench) -> None:
    bench.start(nodes=2)
    async with bench.running():
        await bench.until_done("agent:1", 2)
        names = {pod.metadata.name for pod in bench.pods().values()}
        bench.set_image("agent:2")
        await bench.until_done("agent:2", 2)
        await bench.until(lambda: len(bench.told("SuccessfulDelete")) == 2)
    assert set(bench.told("SuccessfulDelete")) == {f"Deleted pod: {name}" for name in names}
    assert {event.source.component for event in bench.fleet.all(EVENT)} == {"daemonset-controller"}


@pytest.mark.surface("D2.slow-start")
async def test_where_no_pod_can_be_made_little_is_tried(bench: Bench) -> None:
    tried = set()

    def fail(verb: str, message: Any) -> None:
        if verb == "create" and kind_of(message) is POD:
            tried.add(target_node(message))
            raise Forbidden("exceeded quota")

    bench.fleet.before = fail
    bench.start(nodes=100)
    async with bench.running():
        await bench.until(lambda: bench.set.status.observed_generation == 1)
        await bench.clock.advance(60)
    assert 0 < len(tried) < 20


@pytest.mark.surface("D3.template-generation-unread")
async def test_what_is_said_of_the_templates_generation_replaces_nothing(bench: Bench) -> None:
    bench.start(nodes=2)
    async with bench.running():
        await bench.until_done("agent:1", 2)
        before = {name: pod.metadata.uid for name, pod in bench.pods().items()}
        other = copy_of(bench.pods()["n1"])
        other.metadata.labels["pod-template-generation"] = "9"
        bench.fleet.put(other)
        counted = copy_of(bench.set)
        counted.metadata.annotations["deprecated.daemonset.template.generation"] = "7"
        bench.fleet.put(counted)
        bench.fleet.put(node("n3"))
        await bench.until_done("agent:1", 3)
        after = {name: pod.metadata.uid for name, pod in bench.pods().items()}
    assert before.items() <= after.items()


@pytest.mark.surface("D4.collisions")
async def test_collisions_are_counted_in_the_status(bench: Bench) -> None:
    bench.fleet.collisions = 2
    bench.start(nodes=1)
    async with bench.running():
        await bench.until_done("agent:1", 1)
        assert bench.set.status.collision_count == 2
        bench.fleet.collisions = 0
        bench.set_image("agent:2")
        await bench.until_done("agent:2", 1)
    assert bench.set.status.collision_count == 2


async def test_a_plan_waits_for_what_was_written_before(bench: Bench) -> None:
    bench.start(nodes=3)
    async with bench.running():
        await bench.until_done("agent:1")
        bench.fleet.hold(WORKLOADS)
        bench.fleet.put(node("n4"))
        await bench.clock.advance(1)
        assert bench.count("create Pod") == 4
        await bench.clock.advance(60)
        assert bench.count("create Pod") == 4
        bench.fleet.release(WORKLOADS)
        await bench.until_done("agent:1", 4)
    assert bench.fleet.all(NODE)
    assert bench.count("create Pod") == 4
