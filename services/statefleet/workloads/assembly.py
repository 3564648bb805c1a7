"""Put the workload store together from the doors that it is given, alike in one process and in many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from statefleet.api.object.v1.verbs_pb2 import CreateRequest, WriteOptions
from statefleet.errors import AlreadyExists, Expired, NotLeader, Unavailable
from statefleet.objects.kinds import EVENT, POD, kind_of
from statefleet.runtime.tasks import Tasks
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.entries import Entry, Key
from statefleet.store.verbs import Home
from statefleet.store.writing import Writer
from statefleet.workloads.events import EventSettings, EventSweeper
from statefleet.workloads.namespaces import first_objects
from statefleet.workloads.servicer import WorkloadStore
from statefleet.workloads.strategies import workload_strategies
from statefleet.workloads.unacted import SIMULATED

WORKLOADS_STORE = "workloads"
EVENTS_STORE = "events"
_PAUSE_SECONDS = 0.5


@asynccontextmanager
async def assemble_workload_store(
    logs: StoreLogs,
    event_logs: StoreLogs,
    doors: StoreDoors,
    *,
    events: EventSettings | None = None,
    runtime: str = SIMULATED,
) -> AsyncIterator[WorkloadStore]:
    """Run a replica of the workload store, and of its events, as long as the context lasts.

    Its leader makes the namespaces that every fleet has and sweeps old events. See `until_furnished`. Users are told
    which fields the `runtime` of the fleet's nodes does not act on.
    """
    settings = events or EventSettings()
    async with (
        doors.open(WORKLOADS_STORE, logs, {POD.name: node_of}) as replica,
        doors.open(EVENTS_STORE, event_logs, led_with=replica) as event_replica,
        Tasks(WORKLOADS_STORE) as tasks,
    ):
        writer = Writer(replica, doors.clock, doors.rand)
        event_writer = Writer(event_replica, doors.clock, doors.rand, fenced=False)
        homes = (
            Home(strategy, event_writer if name == EVENT.name else writer, replica)
            for name, strategy in workload_strategies(settings).items()
        )
        store = WorkloadStore(homes, runtime)
        tasks.spawn(furnish(store, doors), "first objects")
        tasks.spawn(EventSweeper(event_writer, doors.clock, settings).run(), "event sweep")
        yield store


def node_of(pod: Entry) -> str:
    """Return the node that a stored pod is bound to; empty: none."""
    node: str = pod.message.spec.node_name
    return node


async def furnish(store: WorkloadStore, doors: StoreDoors) -> None:
    """Make what every fleet has from the start, once this replica leads. What was deleted since is not made again."""
    await store.replica.leading()
    if is_furnished(store):
        return
    for request_id, message in first_objects():
        request = CreateRequest(object=kind_of(message).wrap(message), options=WriteOptions(request_id=request_id))
        while True:
            await store.replica.leading()
            try:
                await store.Create(request, None)
            except (NotLeader, Unavailable):
                await doors.clock.sleep(_PAUSE_SECONDS)
            except (AlreadyExists, Expired):
                break  # Expired: it was made not long ago and has been deleted since.
            else:
                break


def is_furnished(store: WorkloadStore) -> bool:
    """Return whether, as far as this replica knows, what every fleet has from the start has been made."""
    _, last = first_objects()[-1]
    return store.replica.state.get(Key.of(kind_of(last).key(last))) is not None


async def until_furnished(store: WorkloadStore) -> None:
    """Return once what every fleet has from the start has been made, whoever made it."""
    _, last = first_objects()[-1]
    with store.replica.hub.subscribe([kind_of(last).name], None, lambda changed: changed) as watcher:
        async for _ in watcher:
            if is_furnished(store):
                return
