"""New pods come with their nodes where these can be chosen at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.object.v1.verbs_pb2 import Binding, Slot
from statefleet.client.fleet import Written
from statefleet.errors import AlreadyExists, FleetError
from statefleet.objects.kinds import POD
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key
from statefleet.runtime.clock import SystemClock
from statefleet.scheduling.controller import Scheduling
from support.scheduling import apart, make_node, make_pod
from support.shown import Shown
from support.stores import settle


class Store(Shown):
    """A fleet and the cache over it, which shows what was written when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[int, Callable[[], object]]] = []
        self.unseen: list[Any] = []
        self.newest = self.seen = 10
        self.asked: list[tuple[str, Binding | None, Slot | None]] = []
        self.bindings: list[tuple[str, str, str]] = []
        self.refuses = False
        self.fails: FleetError | None = None
        self.held: asyncio.Event | None = None
        self.unanswered: asyncio.Event | None = None

    # What the scheduler writes.

    async def create(self, message: Pod, *, slot: Slot | None, binding: Binding | None, **_: Any) -> Written[Pod]:
        self.asked.append((message.metadata.name, binding, slot))
        if self.held is not None:
            await self.held.wait()
        if self.fails is not None:
            raise self.fails
        stored = Pod()
        stored.CopyFrom(message)
        stored.metadata.uid = f"uid-{message.metadata.name}"
        if binding is not None and not self.refuses:
            stored.spec.node_name = binding.node
        written = self._written(stored)
        if self.unanswered is not None:
            await self.unanswered.wait()
        return Written(written)

    async def bind(self, name: str, namespace: str, node: str, *, observed_version: str, **_: Any) -> Written[Pod]:
        self.bindings.append((name, node, observed_version))
        if self.held is not None:
            await self.held.wait()
        bound = Pod()
        bound.CopyFrom(self.get(POD, namespace, name))
        bound.spec.node_name = node
        return Written(self._written(bound))

    def _written(self, pod: Pod) -> Pod:
        self.newest += 1
        pod.metadata.resource_version = str(self.newest)
        self.unseen.append(pod)
        return pod

    # What the cache does.

    def show(self) -> None:
        """Show what was written."""
        for message in self.unseen:
            self.put(message)
        self.unseen, self.seen = [], self.newest
        for version, callback in self.waiting:
            if version <= self.seen:
                callback()
        self.waiting = [each for each in self.waiting if each[0] > self.seen]

    def version(self, _service: int) -> int:
        return self.seen

    async def wait(self, _service: int, _version: int) -> None:
        """Return at once: all that was bound is shown."""

    def when(self, _service: int, version: int, callback: Callable[[], object]) -> None:
        if version <= self.seen:
            callback()
        else:
            self.waiting.append((version, callback))


class Stage:
    """A node with room for one pod, and a scheduler."""

    def __init__(self) -> None:
        self.store: Any = Store()
        self.events: list[tuple[str, str]] = []
        self.is_scheduler = True
        self.scheduling = Scheduling(self.store, self, SystemClock(), lambda: self.is_scheduler)  # type: ignore[arg-type]
        self.store.put(make_node("n1", pods=1))

    def normal(self, about: Pod, reason: str, message: str) -> None:
        self.events.append((about.metadata.uid, f"{reason}: {message}"))

    def warning(self, about: Pod, reason: str, message: str) -> None:
        self.events.append((about.metadata.uid, f"{reason}: {message}"))

    def put(self, *_: object, **__: object) -> None:
        """Take a status that nobody waits for."""

    async def create(self, pod: Pod, slot: Slot | None = None) -> str:
        """Add a pod and return the node that it came with."""
        stored = await self.scheduling.create(pod, self._executor(), slot=slot)
        return str(stored.spec.node_name)

    async def look(self, name: str) -> None:
        await self.scheduling.reconcile(Key("default", name), self._executor())

    def _executor(self) -> Executor:
        statuses: Any = self
        return Executor(self.store, {}, statuses)


def new(name: str, **more: Any) -> Pod:
    pod = make_pod(name, **more)
    pod.metadata.uid = ""
    return pod


async def test_a_new_pod_comes_with_its_node():
    stage, slot = Stage(), Slot(name="s", limit=1)
    assert await stage.create(new("a"), slot) == "n1"
    assert stage.store.asked == [("a", Binding(node="n1", observed_version="10"), slot)]
    assert stage.events == [("uid-a", "Scheduled: Successfully assigned default/a to n1")]


@pytest.mark.parametrize("is_shown", [True, False])
async def test_it_holds_its_room_whether_the_cache_shows_it_yet_or_not(is_shown: bool):
    stage = Stage()
    await stage.create(new("a"))
    if is_shown:
        stage.store.show()
    assert await stage.create(new("b")) == ""


async def test_it_holds_its_room_while_it_is_being_added():
    stage = Stage()
    stage.store.held = asyncio.Event()
    first = asyncio.ensure_future(stage.create(new("a")))
    second = asyncio.ensure_future(stage.create(new("b")))
    await asyncio.sleep(0)
    stage.store.held.set()
    assert [await first, await second] == ["n1", ""]


async def test_it_holds_its_room_once_where_it_is_shown_before_the_answer():
    stage = Stage()
    stage.store.put(make_node("n1", pods=2))
    stage.store.unanswered = asyncio.Event()
    first = asyncio.ensure_future(stage.create(new("a")))
    await settle()
    stage.store.show()
    second = asyncio.ensure_future(stage.create(new("b")))
    await settle()
    stage.store.unanswered.set()
    assert [await first, await second] == ["n1", "n1"]


async def test_its_room_is_free_once_it_has_gone():
    stage = Stage()
    await stage.create(new("a"))
    stage.store.show()
    stage.store.take_away(stage.store.get(POD, "default", "a"))
    assert await stage.create(new("b")) == "n1"


async def test_its_room_is_free_where_it_came_and_went_unseen():
    stage = Stage()
    await stage.create(new("a"))
    stage.store.unseen.clear()
    stage.store.show()
    assert await stage.create(new("b")) == "n1"


async def test_its_room_is_free_where_it_could_not_be_added():
    stage = Stage()
    stage.store.fails = AlreadyExists("a is there")
    with pytest.raises(AlreadyExists):
        await stage.create(new("a"))
    stage.store.fails = None
    assert await stage.create(new("b")) == "n1"


async def test_one_that_came_without_its_node_is_bound_later():
    stage = Stage()
    stage.store.refuses = True
    assert await stage.create(new("a")) == ""
    assert not stage.events
    stage.store.show()
    await stage.look("a")
    assert stage.store.bindings == [("a", "n1", "11")]
    assert stage.events == [("uid-a", "Scheduled: Successfully assigned default/a to n1")]


async def test_a_choice_rests_on_what_was_shown_when_it_was_made_and_on_ones_own_bindings():
    stage = Stage()
    stage.store.put(make_node("n1", pods=3))
    stage.store.held = asyncio.Event()
    first = asyncio.ensure_future(stage.create(new("a")))
    second = asyncio.ensure_future(stage.create(new("b")))
    await asyncio.sleep(0)
    stage.store.seen = 15  # another's binding, perhaps, which neither choice has seen
    stage.store.held.set()
    await asyncio.gather(first, second)
    assert [binding.observed_version for _, binding, _ in stage.store.asked] == ["10", "11"]


async def test_who_has_waited_for_a_node_goes_first():
    stage = Stage()
    stage.store.put(make_pod("waits", cpu="8"))
    await stage.look("waits")
    assert await stage.create(new("a")) == ""
    stage.store.take_away(stage.store.get(POD, "default", "waits"))
    assert await stage.create(new("b")) == "n1"


async def test_a_worker_that_does_not_schedule_leaves_it_to_the_one_that_does():
    stage = Stage()
    stage.is_scheduler = False
    assert await stage.create(new("a")) == ""
    assert stage.store.asked == [("a", None, None)]


async def test_a_pod_that_keeps_away_from_its_like_is_looked_at_by_itself():
    assert await Stage().create(apart(new("a", app="x"), app="x")) == ""


async def test_while_a_pod_is_bound_for_what_is_around_it_no_other_comes_with_a_node():
    stage = Stage()
    stage.store.put(make_node("n1"))
    stage.store.put(apart(make_pod("lonely", app="x"), app="x"))
    stage.store.held = asyncio.Event()
    binding = asyncio.ensure_future(stage.look("lonely"))
    await settle()
    creating = asyncio.ensure_future(stage.create(new("a", app="x")))
    await settle()
    assert not stage.store.asked
    stage.store.held.set()
    await binding
    stage.store.show()
    assert await creating == ""


async def test_a_pod_of_another_scheduler_is_left_to_that():
    pod = new("a")
    pod.spec.scheduler_name = "mine"
    assert await Stage().create(pod) == ""


async def test_what_a_pod_does_not_say_counts_as_it_will_be_stored():
    stage = Stage()
    stage.store.put(make_node("n1", cpu="1", pods=9))
    pod = new("a")
    pod.spec.containers[0].resources.limits["cpu"].string = "2"
    assert await stage.create(pod) == ""


@pytest.mark.parametrize(
    ("volume", "mode", "node"),
    [("v1", "ReadWriteOnce", "n1"), ("v1", "ReadWriteOncePod", ""), ("", "ReadWriteOnce", ""), (None, "", "")],
)
async def test_a_pod_comes_with_its_node_where_its_claims_have_their_volumes(
    volume: str | None, mode: str, node: str
) -> None:
    stage = Stage()
    if volume is not None:
        claim = PersistentVolumeClaim()
        claim.metadata.namespace, claim.metadata.name = "default", "data-a"
        claim.spec.volume_name, claim.status.phase = volume, "Bound" if volume else "Pending"
        claim.spec.access_modes.append(mode)
        stage.store.put(claim)
    found = PersistentVolume()
    found.metadata.name = "v1"
    stage.store.put(found)
    pod = new("a")
    pod.spec.volumes.add(name="data").volume_source.persistent_volume_claim.claim_name = "data-a"
    assert await stage.create(pod) == node


async def test_a_claim_of_a_volume_elsewhere_keeps_the_pod_from_the_node():
    stage = Stage()
    claim = PersistentVolumeClaim()
    claim.metadata.namespace, claim.metadata.name = "default", "data-a"
    claim.spec.volume_name, claim.status.phase = "v1", "Bound"
    volume = PersistentVolume()
    volume.metadata.name = "v1"
    term = volume.spec.node_affinity.required.node_selector_terms.add()
    term.match_fields.add(key="metadata.name", operator="In", values=["n2"])
    stage.store.put(claim)
    stage.store.put(volume)
    pod = new("a")
    pod.spec.volumes.add(name="data").volume_source.persistent_volume_claim.claim_name = "data-a"
    assert await stage.create(pod) == ""
    stage.store.put(make_node("n2"))
    assert await stage.create(pod) == "n2"
