"""Clients of a replicated store that changes leaders and loses answers see one object after another; and planted
faults, which the same checks find."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from statefleet.client.fleet import Fleet
from statefleet.runtime.tasks import Tasks
from support.history import Client, History
from support.log_truth import check_acknowledged, truth_of
from support.replicated_workloads import ReplicatedWorkloads, replicated_workloads
from support.watch_recording import WatchRecorder

OBJECTS = ["one", "two", "three"]
PATIENCE = [1.0, 1.0, 1.0, 1.0, 0.002, 0.002]
"""How long each client waits for an answer: who waits for moments only is often told nothing."""


class Run:
    """Clients and watchers at work, until they are stopped and what they saw is checked."""

    def __init__(self, workloads: ReplicatedWorkloads, fleets: list[Any], tasks: Tasks) -> None:
        self.workloads = workloads
        self.history = History()
        self.clients = [
            Client(fleet, self.history, f"client-{index}", OBJECTS, timeout=PATIENCE[index])
            for index, fleet in enumerate(fleets)
        ]
        self.watchers = [WatchRecorder(workloads.fleet(100 + index), pause=0.01) for index in range(2)]
        self._working = [tasks.spawn(client.run(pause=0.002), "client", awaited=True) for client in self.clients]
        for watcher in self.watchers:
            tasks.spawn(watcher.run(), "watcher")

    async def work(self, acknowledged: int) -> None:
        """Let so many more writes be acknowledged."""
        wanted = self._acknowledged + acknowledged
        async with asyncio.timeout(60):
            while self._acknowledged < wanted:
                await asyncio.sleep(0.01)

    @property
    def _acknowledged(self) -> int:
        return sum(1 for _ in self.history.acknowledged)

    async def stop(self) -> None:
        for client in self.clients:
            client.stopping = True
        async with asyncio.timeout(20):
            await asyncio.gather(*self._working)

    async def check(self) -> None:
        self.history.check(seconds=20)
        truth = await truth_of(self.workloads.log)
        assert check_acknowledged(self.history, truth) == self._acknowledged
        for watcher in self.watchers:
            await watcher.until(max(c.version for changes in truth for c in changes if c.key.kind == "ConfigMap"))
            assert watcher.check(truth) > 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_clients_see_one_object_after_another_while_leaders_change_and_answers_are_lost(seed: int) -> None:
    moments = random.Random(seed)
    async with replicated_workloads(seed=seed) as workloads, Tasks("test") as tasks:
        run = Run(workloads, [workloads.fleet(index) for index in range(len(PATIENCE))], tasks)
        workloads.log.losing = 0.05
        for _ in range(8):
            await run.work(moments.randint(10, 60))
            workloads.depose()
            workloads.end_watches(moments.choice("abc"))
        workloads.log.losing = 0.0
        await run.stop()
        await run.check()
        assert run.history.unknown > 0
        assert sum(len(client.connections) for watcher in run.watchers for client in watcher.clients) > len(
            run.watchers
        )


class Remembering:
    """A planted fault: every other read of an object is answered with what the one before it was."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._read: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fleet, name)

    async def get(self, kind: Any, name: str, namespace: str, **options: Any) -> Any:
        if name in self._read:
            return self._read.pop(name)
        self._read[name] = await self._fleet.get(kind, name, namespace, **options)
        return self._read[name]


class Forgetting:
    """A planted fault: every fifth update is acknowledged and not done."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fleet, name)

    async def update(self, message: Any, **options: Any) -> Any:
        self._calls += 1
        return await self._fleet.update(message, dry_run=self._calls % 5 == 0, **options)


async def test_updates_that_are_acknowledged_and_not_done_are_found() -> None:
    async with replicated_workloads() as workloads, Tasks("test") as tasks:
        run = Run(workloads, [Forgetting(workloads.fleet(index)) for index in range(len(PATIENCE))], tasks)
        await run.work(200)
        await run.stop()
        with pytest.raises(AssertionError, match="not linearizable"):
            run.history.check(seconds=20)
        with pytest.raises(AssertionError, match="the log has"):
            check_acknowledged(run.history, await truth_of(workloads.log))


async def test_stale_reads_are_found_though_nothing_is_lost() -> None:
    async with replicated_workloads() as workloads, Tasks("test") as tasks:
        run = Run(workloads, [Remembering(workloads.fleet(index)) for index in range(len(PATIENCE))], tasks)
        await run.work(200)
        await run.stop()
        with pytest.raises(AssertionError, match="not linearizable"):
            run.history.check(seconds=20)
        check_acknowledged(run.history, await truth_of(workloads.log))
