"""Statuses written in the background."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.errors import Unavailable
from statefleet.objects.kinds import STATEFUL_SET, WORKLOADS
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.statuses import PAUSE_SECONDS, StatusWriter
from statefleet.runtime.tasks import Tasks
from support.fleet_objects import stateful_set
from support.stores import ManualClock, settle
from support.worker_fleet import WorkerFleet


class Bench:
    def __init__(self, tasks: Tasks) -> None:
        self.fleet = WorkerFleet()
        self.clock = ManualClock()
        self.cache = Cache(self.fleet, (STATEFUL_SET,), self.clock)
        self.writer = StatusWriter(self.fleet, self.cache, self.clock, tasks)
        self.stored = self.fleet.put(stateful_set())
        tasks.spawn(self.cache.run(), "cache")

    def put(self, replicas: int, **options: Any) -> None:
        message = StatefulSet(metadata=self.stored.metadata)
        message.metadata.ClearField("resource_version")
        message.status.replicas = replicas
        self.writer.put(message, {}, **options)

    def written(self) -> int:
        return self.fleet.writes.count("update_status StatefulSet web")

    def replicas(self) -> int:
        count: int = self.fleet.find(STATEFUL_SET, "web").status.replicas
        return count

    def newest(self) -> int | None:
        newest = self.writer.newest(self.stored)
        return None if newest is None else newest.status.replicas


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Tasks("test") as tasks:
        found = Bench(tasks)
        await found.cache.synced()
        yield found


async def test_a_status_is_written_without_anyone_waiting(bench: Bench) -> None:
    bench.put(1)
    assert bench.written() == 0
    await settle()
    assert bench.replicas() == 1


async def test_of_several_the_newest_wins(bench: Bench) -> None:
    for replicas in (1, 2, 3):
        bench.put(replicas)
    await settle()
    assert (bench.written(), bench.replicas()) == (1, 3)


async def test_the_next_waits_for_its_turn_and_an_urgent_one_does_not(bench: Bench) -> None:
    bench.put(1)
    await settle()
    bench.put(2)
    bench.put(3)
    await settle()
    assert (bench.written(), bench.replicas()) == (1, 1)
    await bench.clock.advance(PAUSE_SECONDS)
    assert (bench.written(), bench.replicas()) == (2, 3)
    bench.put(4, urgent=True)
    await settle()
    assert (bench.written(), bench.replicas()) == (3, 4)


async def test_what_was_put_counts_until_the_cache_shows_it(bench: Bench) -> None:
    assert bench.newest() is None
    bench.fleet.hold(WORKLOADS)
    bench.put(1)
    assert bench.newest() == 1
    await settle()
    assert (bench.replicas(), bench.newest()) == (1, 1)
    bench.fleet.release(WORKLOADS)
    await settle()
    assert bench.newest() is None


async def test_another_set_of_the_name_has_none(bench: Bench) -> None:
    bench.put(1)
    other = stateful_set()
    other.metadata.uid = "another"
    assert bench.writer.newest(other) is None


async def test_an_outage_is_waited_out(bench: Bench) -> None:
    def fail(_verb: str, _message: object) -> None:
        raise Unavailable("down")

    bench.fleet.before = fail
    bench.put(1)
    await settle()
    bench.put(2)
    bench.fleet.before = lambda _verb, _message: None
    await bench.clock.advance(1.0)
    assert (bench.written(), bench.replicas()) == (1, 2)


async def test_a_status_of_a_set_that_is_gone_is_dropped_and_told(bench: Bench) -> None:
    bench.fleet.remove(STATEFUL_SET, "web")
    told: list[str] = []
    bench.put(1, dropped=lambda: told.append("dropped"))
    await settle()
    assert (bench.newest(), told) == (None, ["dropped"])
    bench.stored = bench.fleet.put(stateful_set())
    await settle()
    bench.put(2)
    await settle()
    assert bench.replicas() == 2
