"""The loop: one look at a key at a time, behind its claim and its own writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from statefleet.api.object.v1.verbs_pb2 import Fence
from statefleet.errors import Conflict, Fenced, Unavailable
from statefleet.objects.kinds import POD, WORKLOADS
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key
from statefleet.reconcile.loop import Worker
from statefleet.reconcile.shards import RECLAIM_SECONDS
from statefleet.runtime.tasks import Tasks
from support.fleet_objects import pod
from support.stores import ManualClock, settle
from support.worker_fleet import WorkerFleet

Look = Callable[[Key, Executor], Awaitable[Result | None]]


class Looker(Controller):
    """Watches pods and does as the test says."""

    name: ClassVar[str] = "looker"

    def __init__(self, look: Look) -> None:
        self.look = look

    def watches(self) -> Sequence[Watched]:
        return (itself(POD),)

    async def reconcile(self, key: Key, act: Executor) -> Result:
        return await self.look(key, act) or Result()


class Bench:
    def __init__(self) -> None:
        self.fleet = WorkerFleet()
        self.clock = ManualClock()
        self.looks: list[str] = []
        self.cache = Cache(self.fleet, (POD,), self.clock)

    async def note(self, key: Key, act: Executor) -> None:
        self.looks.append(key.name)

    @asynccontextmanager
    async def running(self, look: Look | None = None, **options: Any) -> AsyncIterator[Worker]:
        worker = Worker(
            self.fleet,
            self.cache,
            [Looker(look or self.note)],
            events=EventSink(self.fleet, self.clock),
            clock=self.clock,
            holder="tester",
            **options,
        )
        async with Tasks("test") as tasks:
            tasks.spawn(worker.run(), "worker")
            await settle()
            yield worker


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_every_object_is_looked_at_and_again_when_it_changes(bench: Bench) -> None:
    bench.fleet.put(pod("a"))
    bench.fleet.put(pod("b"))
    async with bench.running():
        assert sorted(bench.looks) == ["a", "b"]
        bench.fleet.put(pod("b"))
        await settle()
        assert sorted(bench.looks) == ["a", "b", "b"]


async def test_a_key_is_not_looked_at_before_the_cache_shows_what_its_look_wrote(bench: Bench) -> None:
    async def write_once(key: Key, act: Executor) -> None:
        bench.looks.append(key.name)
        if len(bench.looks) == 1:
            bench.fleet.hold(WORKLOADS)
            await act.create(pod("made"))

    bench.fleet.put(pod("a"))
    async with bench.running(write_once) as worker:
        assert bench.looks == ["a"]
        assert worker.statistics[0].running() == [0.0]
        bench.fleet.release(WORKLOADS)
        await settle()
        assert bench.looks == ["a", "made"]
        assert worker.statistics[0].running() == []


async def test_one_key_is_never_looked_at_twice_at_once(bench: Bench) -> None:
    gate, under_way = asyncio.Event(), [0, 0]

    async def slow(key: Key, act: Executor) -> None:
        under_way[0] += 1
        under_way[1] = max(under_way)
        await gate.wait()
        under_way[0] -= 1
        bench.looks.append(key.name)

    bench.fleet.put(pod("a"))
    async with bench.running(slow):
        bench.fleet.put(pod("a"))
        bench.fleet.put(pod("a"))
        await settle()
        gate.set()
        await settle()
    assert (bench.looks, under_way[1]) == (["a", "a"], 1)


async def test_no_more_looks_at_once_than_allowed(bench: Bench) -> None:
    gate, under_way = asyncio.Event(), [0, 0]

    async def slow(key: Key, act: Executor) -> None:
        under_way[0] += 1
        under_way[1] = max(under_way)
        await gate.wait()
        under_way[0] -= 1
        bench.looks.append(key.name)

    for n in range(5):
        bench.fleet.put(pod(f"p{n}"))
    async with bench.running(slow, concurrency=2):
        gate.set()
        await settle()
    assert (len(bench.looks), under_way[1]) == (5, 2)


@pytest.mark.parametrize("error", [Conflict("moved"), Unavailable("down"), ZeroDivisionError()])
async def test_a_failed_look_is_repeated_later_and_later(bench: Bench, error: Exception) -> None:
    async def fail(key: Key, act: Executor) -> None:
        bench.looks.append(key.name)
        if len(bench.looks) < 3:
            raise error

    bench.fleet.put(pod("a"))
    async with bench.running(fail):
        assert len(bench.looks) == 1
        await bench.clock.advance(0.005)
        assert len(bench.looks) == 2
        await bench.clock.advance(0.005)
        assert len(bench.looks) == 2
        await bench.clock.advance(0.005)
        assert len(bench.looks) == 3
        await bench.clock.advance(10.0)
        assert len(bench.looks) == 3


async def test_a_look_may_ask_for_another(bench: Bench) -> None:
    async def again(key: Key, act: Executor) -> Result:
        bench.looks.append(key.name)
        return Result(requeue_after=30.0 if len(bench.looks) == 1 else None)

    bench.fleet.put(pod("a"))
    async with bench.running(again):
        await bench.clock.advance(29.0)
        assert len(bench.looks) == 1
        await bench.clock.advance(1.0)
        assert len(bench.looks) == 2


async def test_nothing_is_looked_at_before_the_cache_has_reached_the_claim(bench: Bench) -> None:
    bench.fleet.put(pod("a"))
    bench.fleet.services[WORKLOADS].version = 1
    claim = bench.fleet.claim_shard

    async def claim_ahead(service: int, shard: str, holder: str, **options: Any) -> Any:
        bench.fleet.hold(service)
        bench.fleet.put(pod("since"))
        return await claim(service, shard, holder, **options)

    bench.fleet.claim_shard = claim_ahead  # type: ignore[method-assign]
    async with bench.running():
        assert bench.looks == []
        bench.fleet.release(WORKLOADS)
        await settle()
        assert sorted(bench.looks) == ["a", "since"]


async def test_writes_carry_the_claim(bench: Bench) -> None:
    fences: list[Fence | None] = []

    async def write(key: Key, act: Executor) -> None:
        await act.perform(WORKLOADS, lambda fence: _record(fences, fence))

    bench.fleet.put(pod("a"))
    async with bench.running(write):
        assert fences == [Fence(shard="looker/0", epoch=1)]


async def test_a_shard_that_another_worker_claims_is_left_and_claimed_back_later(bench: Bench) -> None:
    async def write(key: Key, act: Executor) -> None:
        bench.looks.append(key.name)
        await act.create(pod(f"made-{len(bench.looks)}"))

    async with bench.running(write):
        await bench.fleet.claim_shard(WORKLOADS, "looker/0", "another")
        bench.fleet.put(pod("a"))
        await settle()
        assert bench.looks == ["a"]
        bench.fleet.put(pod("a"))
        await settle()
        assert bench.looks == ["a"]
        await bench.clock.advance(RECLAIM_SECONDS)
        assert bench.looks[:2] == ["a", "a"]
        assert bench.fleet.find(POD, "made-1") is None
        assert bench.fleet.find(POD, "made-2") is not None


async def test_a_write_of_unknown_outcome_renews_the_claim_before_the_next_look(bench: Bench) -> None:
    def lose_reply(verb: str, message: Any) -> None:
        bench.fleet.after = lambda _verb, _message: None
        raise Unavailable("the reply is lost")

    async def write(key: Key, act: Executor) -> None:
        bench.looks.append(key.name)
        if key.name == "a":
            await act.update(pod("b"))

    bench.fleet.put(pod("b"))
    async with bench.running(write):
        bench.fleet.after = lose_reply
        bench.fleet.put(pod("a"))
        await settle()
        assert bench.fleet.services[WORKLOADS].fences["looker/0"] == 2
        await bench.clock.advance(1.0)
        assert bench.looks.count("a") == 2


async def test_only_own_shards_are_worked_on(bench: Bench) -> None:
    mine: set[str] = set()
    bench.fleet.put(pod("a"))
    async with bench.running(owns=mine.__contains__) as worker:
        assert bench.looks == []
        mine.add("looker/0")
        worker.rebalance()
        await settle()
        assert bench.looks == ["a"]
        mine.clear()
        worker.rebalance()
        bench.fleet.put(pod("a"))
        await settle()
        assert bench.looks == ["a"]


async def _record(fences: list[Fence | None], fence: Fence | None) -> None:
    fences.append(fence)


async def test_fenced_in_a_look_ends_it_without_delay_growing(bench: Bench) -> None:
    async def fenced(key: Key, act: Executor) -> None:
        bench.looks.append(key.name)
        if len(bench.looks) == 1:
            raise Fenced("claimed by another")

    bench.fleet.put(pod("a"))
    async with bench.running(fenced) as worker:
        await bench.clock.advance(RECLAIM_SECONDS)
        assert bench.looks == ["a", "a"]
        assert worker.statistics[0].retries == 0
