"""Run controllers over one cache: take keys from their queues, have them looked at, and keep each look's barrier."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog

from statefleet.client.fleet import Fleet
from statefleet.errors import Conflict, Fenced, FleetError
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key
from statefleet.reconcile.metrics import QueueStatistics
from statefleet.reconcile.queue import WorkQueue
from statefleet.reconcile.shards import Shard, Shards
from statefleet.reconcile.statuses import StatusWriter
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks

_log = structlog.get_logger(__name__)


class Worker:
    """Runs controllers until cancelled.

    The cache must follow every kind that they watch; it and the event sink run inside the worker. At most
    `concurrency` looks are under way at once. A key is looked at only while its shard is claimed, one look at a time,
    and not again before the cache shows what the last look wrote. `owns` tells by a shard's name whether it is this
    worker's; after its answers change, call `rebalance`.
    """

    def __init__(
        self,
        fleet: Fleet,
        cache: Cache,
        controllers: Iterable[Controller],
        *,
        events: EventSink,
        clock: Clock,
        holder: str,
        owns: Callable[[str], bool] = lambda _: True,
        concurrency: int = 64,
    ) -> None:
        self._cache = cache
        self._events = events
        self._tasks = Tasks("worker")
        self._is_synced = False
        self._free = concurrency
        self._ready: dict[_Lane, None] = {}
        statuses = StatusWriter(fleet, cache, clock, self._tasks)
        self._lanes = [
            _Lane(controller, fleet, cache, statuses, clock, self._tasks, holder, owns, self._offer)
            for controller in controllers
        ]

    @property
    def statistics(self) -> list[QueueStatistics]:
        """What the queues did so far, for a QueueCollector."""
        return [lane.queue.statistics for lane in self._lanes]

    async def run(self) -> None:
        """Work until cancelled."""
        async with self._tasks as tasks:
            tasks.spawn(self._events.run(), "events")
            following = tasks.spawn(self._cache.run(), "cache")
            tasks.spawn(self._begin(), "claims")
            await following

    def rebalance(self) -> None:
        """Take up the shards that have become this worker's and leave those that are no longer."""
        if self._is_synced:
            for lane in self._lanes:
                lane.shards.align()

    async def _begin(self) -> None:
        await self._cache.synced()
        self._is_synced = True
        self.rebalance()

    def _offer(self, lane: _Lane) -> None:
        self._ready[lane] = None
        self._start()

    def _start(self) -> None:
        """Begin as many looks as may be under way; each controller gets its turn."""
        while self._free and self._ready:
            lane = next(iter(self._ready))
            del self._ready[lane]
            self._start_one(lane)
            if len(lane.queue):
                self._ready[lane] = None

    def _start_one(self, lane: _Lane) -> None:
        key = lane.queue.take()
        if key is not None and not lane.park(key):
            self._free -= 1
            self._tasks.spawn(self._look(lane, key), f"{lane.controller.name}-{key}")

    async def _look(self, lane: _Lane, key: Key) -> None:
        try:
            await lane.look(key)
        finally:
            self._free += 1
            self._start()


class _Lane:
    """One controller's way through the worker."""

    def __init__(
        self,
        controller: Controller,
        fleet: Fleet,
        cache: Cache,
        statuses: StatusWriter,
        clock: Clock,
        tasks: Tasks,
        holder: str,
        owns: Callable[[str], bool],
        ready: Callable[[_Lane], object],
    ) -> None:
        self.controller = controller
        self.queue = WorkQueue(controller.name, clock, tasks, lambda: ready(self))
        self.shards = Shards(
            controller.name,
            controller.shards,
            controller.services,
            fleet=fleet,
            cache=cache,
            clock=clock,
            tasks=tasks,
            holder=holder,
            owns=owns,
            release=self.queue.add,
        )
        self._fleet = fleet
        self._cache = cache
        self._statuses = statuses
        for watched in controller.watches():
            cache.subscribe(watched.kind, _adder(self.queue, watched))

    def park(self, key: Key) -> bool:
        """Put a key aside where its shard is not open. Return whether it was."""
        shard = self.shards.of(key)
        if shard.is_open:
            return False
        shard.parked.add(key)
        self.queue.done(key)
        return True

    async def look(self, key: Key) -> None:
        """Have the controller look at a key, and see to what its outcome asks for."""
        shard = self.shards.of(key)
        act = Executor(self._fleet, shard.fences, self._statuses, lambda: self.queue.add_failed(key))
        try:
            result = await self.controller.reconcile(key, act)
        except Fenced as error:
            _log.info("write fenced", controller=self.controller.name, key=str(key), error=error.message)
            shard.parked.add(key)
            if shard.is_open:
                self.shards.lost(shard)
        except FleetError as error:
            self._failed(key, error.message, expected=isinstance(error, Conflict))
        except Exception:  # noqa: BLE001 - a fault in one look must not stop the others
            delay = self.queue.add_failed(key)
            _log.exception("look failed", controller=self.controller.name, key=str(key), retry_in=delay)
        else:
            self._ended(key, result)
        self._settle(key, shard, act)

    def _ended(self, key: Key, result: Result) -> None:
        if result.problem:
            self._failed(key, result.problem, **result.fields)
        else:
            self.queue.forget(key)
        if result.requeue_after is not None:
            self.queue.add_after(key, result.requeue_after)

    def _failed(self, key: Key, problem: str, *, expected: bool = False, **fields: Any) -> None:
        delay = self.queue.add_failed(key)
        log = _log.debug if expected else _log.info
        log(
            "look to be repeated",
            controller=self.controller.name,
            key=str(key),
            problem=problem,
            retry_in=delay,
            **fields,
        )

    def _settle(self, key: Key, shard: Shard, act: Executor) -> None:
        """End the look when the cache shows what was written; where that is not known, on a new claim."""
        if act.unknown and shard.is_open:
            self.shards.claim(shard)
        self._release(key, list(act.written.items()))

    def _release(self, key: Key, written: list[tuple[int, int]]) -> None:
        for service, version in written:
            if self._cache.version(service) < version:
                self._cache.when(service, version, lambda: self._release(key, written))
                return
        self.queue.done(key)


def _adder(queue: WorkQueue, watched: Watched) -> Callable[[Any, Any], None]:
    def add(before: Any, after: Any) -> None:
        for key in watched.keys(before, after):
            seconds = watched.delay(before, after)
            if seconds is not None:
                queue.add_after(key, seconds)

    return add
