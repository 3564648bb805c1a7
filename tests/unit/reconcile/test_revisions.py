"""The revisions of sets: in their order, and read once."""

from __future__ import annotations

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.objects.kinds import CONTROLLER_REVISION, REVISIONS
from statefleet.objects.meta import controller_reference
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.revisions import Revisions
from statefleet.runtime.tasks import Tasks
from support.daemon_objects import daemon_set
from support.stores import ManualClock
from support.worker_fleet import WorkerFleet


def revision(name: str, number: int) -> ControllerRevision:
    message = ControllerRevision(revision=number)
    message.metadata.name, message.metadata.namespace = name, "default"
    message.metadata.owner_references.append(controller_reference(daemon_set()))
    return message


async def test_revisions_come_by_their_numbers_and_are_read_once_for_each_version() -> None:
    read: list[str] = []

    def label(message: ControllerRevision) -> str:
        read.append(message.metadata.name)
        return message.metadata.name.upper()

    fleet = WorkerFleet()
    cache = Cache(fleet, (CONTROLLER_REVISION,), ManualClock())
    revisions, uid = Revisions(cache, label), daemon_set().metadata.uid
    for name, number in (("c", 10), ("a", 1), ("b", 2)):
        fleet.put(revision(name, number))
    async with Tasks("test") as tasks:
        tasks.spawn(cache.run(), "cache")
        await cache.synced()
        assert revisions.of("another") == ()
        assert [view.label for view in revisions.of(uid)] == ["A", "B", "C"]
        assert [view.name for view in revisions.of(uid)] == ["a", "b", "c"]
        assert sorted(read) == ["a", "b", "c"]
        fleet.put(revision("a", 11))
        await cache.wait(REVISIONS, 4)
        assert [view.label for view in revisions.of(uid)] == ["B", "C", "A"]
        assert sorted(read) == ["a", "a", "b", "c"]
