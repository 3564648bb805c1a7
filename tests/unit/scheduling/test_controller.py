"""A pod whose volumes are being made keeps the node that they are made on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from google.protobuf.message import Message

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.client.fleet import Written
from statefleet.errors import Conflict
from statefleet.objects.kinds import PERSISTENT_VOLUME_CLAIM, POD
from statefleet.objects.meta import HOSTNAME_LABEL, LOCAL_PROVISIONER, SELECTED_NODE_ANNOTATION
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key
from statefleet.runtime.clock import SystemClock
from statefleet.scheduling.controller import Scheduling
from support.scheduling import apart, make_node
from support.shown import Shown


class Always(Shown):
    """A cache that shows each write at once."""

    def version(self, _service: int) -> int:
        return 1

    async def wait(self, _service: int, _version: int) -> None:
        return


class Writes:
    """A fleet whose writes show at once, but where they are to be overtaken."""

    def __init__(self, shown: Always) -> None:
        self.shown = shown
        self.overtaken = 0

    async def update(self, message: Message, **_: Any) -> Written[Any]:
        if self.overtaken:
            self.overtaken -= 1
            raise Conflict("it has changed")
        self.shown.put(message)
        return Written(message)

    async def bind(self, name: str, namespace: str, node: str, **_: Any) -> Any:
        pod = Pod()
        pod.CopyFrom(self.shown.get(POD, namespace, name))
        pod.spec.node_name = node
        self.shown.put(pod)
        return SimpleNamespace(object=pod)


class Stage:
    """Two nodes, and a scheduler that may be replaced."""

    def __init__(self) -> None:
        self.shown = Always()
        self.writes = Writes(self.shown)
        self.scheduling = self.new_scheduler()
        storage = StorageClass(provisioner=LOCAL_PROVISIONER, volume_binding_mode="WaitForFirstConsumer")
        storage.metadata.name = "local"
        self.shown.put(storage)
        for name in ("n1", "n2"):
            self.shown.put(make_node(name))

    def new_scheduler(self) -> Scheduling:
        recorder: Any = SimpleNamespace(normal=lambda *_: None, warning=lambda *_: None)
        cache: Any = self.shown
        scheduling = Scheduling(cache, recorder, SystemClock())
        for (kind, _), message in list(self.shown.objects.items()):
            for handler in self.shown.handlers.get(kind, [])[-1:]:
                handler(None, message)
        return scheduling

    def add(self, name: str) -> None:
        """Add a pod that keeps away from its like, and its claim."""
        claim = PersistentVolumeClaim()
        claim.metadata.name, claim.metadata.namespace, claim.metadata.uid = f"c-{name}", "default", f"c-{name}"
        claim.spec.storage_class_name = "local"
        self.shown.put(claim)
        pod = Pod()
        pod.metadata.name, pod.metadata.namespace, pod.metadata.uid = name, "default", name
        pod.metadata.labels["app"] = "x"
        volume = pod.spec.volumes.add(name="data")
        volume.volume_source.persistent_volume_claim.claim_name = f"c-{name}"
        apart(pod, HOSTNAME_LABEL, app="x")
        self.shown.put(pod)

    async def look(self, name: str) -> None:
        fleet: Any = self.writes
        statuses: Any = SimpleNamespace(put=lambda *_, **__: None)
        await self.scheduling.reconcile(Key("default", name), Executor(fleet, {}, statuses))

    def chosen(self, name: str) -> str:
        claim = self.shown.get(PERSISTENT_VOLUME_CLAIM, "default", f"c-{name}")
        return str(claim.metadata.annotations.get(SELECTED_NODE_ANNOTATION, ""))

    def begin_volume(self, name: str) -> None:
        """Show the volume of a pod's claim, made where it was asked for and not bound yet."""
        volume = PersistentVolume()
        volume.metadata.name = f"v-{name}"
        volume.spec.claim_ref.namespace, volume.spec.claim_ref.name = "default", f"c-{name}"
        volume.spec.claim_ref.uid = f"c-{name}"
        self.shown.put(volume)


async def test_another_look_does_not_give_its_node_away():
    stage = Stage()
    stage.add("a")
    stage.add("b")
    await stage.look("a")
    stage.begin_volume("a")
    await stage.look("a")
    await stage.look("b")
    assert {stage.chosen("a"), stage.chosen("b")} == {"n1", "n2"}


async def test_a_write_that_is_overtaken_does_not_give_its_node_away():
    stage = Stage()
    stage.add("a")
    stage.add("b")
    await stage.look("a")
    stage.writes.overtaken = 1
    await stage.look("b")
    await stage.look("b")
    assert {stage.chosen("a"), stage.chosen("b")} == {"n1", "n2"}


async def test_a_new_scheduler_keeps_the_nodes_that_the_one_before_chose():
    stage = Stage()
    stage.add("a")
    await stage.look("a")
    stage.add("b")
    stage.scheduling = stage.new_scheduler()
    await stage.look("b")
    assert {stage.chosen("a"), stage.chosen("b")} == {"n1", "n2"}
