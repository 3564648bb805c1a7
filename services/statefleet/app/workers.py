"""Put a worker process together: every controller over one cache."""

from __future__ import annotations

from functools import partial

from statefleet.client.fleet import Fleet
from statefleet.coordination.door import Coordination
from statefleet.daemonset.controller import DaemonSetController
from statefleet.disruption.controller import Disruption
from statefleet.endpoints.controller import EndpointsController
from statefleet.garbage.controller import COLLECTED, GarbageCollection
from statefleet.namespaces.controller import Namespaces
from statefleet.node_lifecycle.controller import NodeLifecycle
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.keys import shard_name
from statefleet.reconcile.loop import Worker
from statefleet.reconcile.metrics import QueueCollector
from statefleet.reconcile.shares import Shares
from statefleet.runtime.clock import Clock
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.tasks import Tasks
from statefleet.scheduling.controller import Scheduling
from statefleet.state_metrics.exposition import StateExposition
from statefleet.statefulset.controller import StatefulSetController
from statefleet.volumes.claims import Claims
from statefleet.volumes.volumes import Volumes


async def run_worker(fleet: Fleet, coordination: Coordination, clock: Clock, holder: str, metrics: Metrics) -> None:
    """Run every controller for this worker's share of the shards until cancelled. `holder` names it in its claims.

    The metrics tell of its queues and, by one worker of all, of every object.
    """
    shares = Shares(coordination, holder, clock)
    worker = _build_worker(fleet, shares, clock, holder, metrics)
    async with Tasks("worker") as tasks:
        tasks.spawn(shares.follow(worker.rebalance), "shares")
        await worker.run()


def _build_worker(fleet: Fleet, shares: Shares, clock: Clock, holder: str, metrics: Metrics) -> Worker:
    cache = Cache(fleet, COLLECTED, clock)
    events = EventSink(fleet, clock)
    schedules = partial(shares.owns, shard_name(Scheduling.name, 0))
    scheduling = Scheduling(cache, events.recorder("default-scheduler"), clock, schedules)
    controllers = [
        StatefulSetController(cache, events, scheduling, clock),
        DaemonSetController(cache, events, scheduling, clock),
        scheduling,
        Claims(cache, events.recorder("persistentvolume-controller")),
        Volumes(cache),
        EndpointsController(cache, clock),
        Disruption(cache, events.recorder("controllermanager"), clock),
        GarbageCollection(cache),
        NodeLifecycle(cache, events.recorder("node-controller"), clock),
        Namespaces(cache),
    ]
    worker = Worker(fleet, cache, controllers, events=events, clock=clock, holder=holder, owns=shares.owns)
    metrics.registry.register(QueueCollector(worker.statistics))
    metrics.include(StateExposition(cache, shares.owns).text)
    return worker
