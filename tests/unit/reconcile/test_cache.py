"""The cache: one state of each service, moved by its watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from statefleet.objects.kinds import CONTROLLER_REVISION, POD, REVISIONS, STATEFUL_SET, WORKLOADS
from statefleet.reconcile.cache import Cache, StoreRestoredError
from statefleet.reconcile.memo import Memo
from statefleet.runtime.tasks import Tasks
from support.fleet_objects import pod, stateful_set
from support.stores import ManualClock, settle
from support.worker_fleet import WorkerFleet


class Bench:
    def __init__(self) -> None:
        self.fleet = WorkerFleet()
        self.clock = ManualClock()
        self.cache = Cache(self.fleet, (POD, STATEFUL_SET, CONTROLLER_REVISION), self.clock)
        self.told: list[str] = []
        self.cache.subscribe(POD, self.tell)

    def tell(self, before: Any, after: Any) -> None:
        sign = "+" if before is None else "-" if after is None else "~"
        self.told.append(sign + (before or after).metadata.name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with Tasks("test") as tasks:
            tasks.spawn(self.cache.run(), "cache")
            await self.cache.synced()
            yield

    def pods(self) -> list[str]:
        return sorted(one.metadata.name for one in self.cache.list(POD))

    async def resume(self) -> None:
        await settle()
        await self.clock.advance(10.0)


async def test_it_starts_with_what_there_is() -> None:
    bench = Bench()
    for name in ("web-0", "web-1", "web-2", "web-3", "web-4"):
        bench.fleet.put(pod(name, owner="set-1"))
    async with bench.running():
        assert bench.told == ["+web-0", "+web-1", "+web-2", "+web-3", "+web-4"]
        assert bench.cache.version(WORKLOADS) == 5
        assert bench.cache.version(REVISIONS) == 0
        assert len(bench.cache.by_owner(POD, "set-1")) == 5
        assert bench.cache.list(POD, "elsewhere") == []


async def test_it_follows_changes() -> None:
    bench = Bench()
    async with bench.running():
        bench.fleet.put(pod("web-0"))
        bench.fleet.put(pod("web-0", node="n1"))
        await bench.cache.wait(WORKLOADS, 2)
        assert [one.metadata.name for one in bench.cache.by_node("n1")] == ["web-0"]
        bench.fleet.remove(POD, "web-0")
        await bench.cache.wait(WORKLOADS, 3)
        assert bench.cache.get(POD, "default", "web-0") is None
        assert bench.told == ["+web-0", "~web-0", "-web-0"]


async def test_who_waits_for_a_version_goes_on_when_it_shows() -> None:
    bench = Bench()
    async with bench.running(), Tasks("waiters") as tasks:
        bench.fleet.hold(WORKLOADS)
        bench.fleet.put(pod("web-0"))
        waiter = tasks.spawn(bench.cache.wait(WORKLOADS, 1), "waiter")
        await settle()
        assert not waiter.done()
        bench.fleet.release(WORKLOADS)
        await asyncio.wait_for(waiter, 1)
        assert bench.pods() == ["web-0"]


async def test_handlers_hear_of_a_message_when_all_of_it_is_in() -> None:
    bench = Bench()
    seen: list[tuple[bool, int, int]] = []
    bench.cache.subscribe(
        STATEFUL_SET, lambda _, after: seen.append((after is not None, len(bench.pods()), bench.cache.version(1)))
    )
    async with bench.running():
        bench.fleet.hold(WORKLOADS)
        bench.fleet.put(stateful_set())
        bench.fleet.put(pod("web-0"))
        bench.fleet.release(WORKLOADS)
        await bench.cache.wait(WORKLOADS, 2)
    assert seen == [(True, 1, 2)]


async def test_a_broken_watch_is_resumed_where_it_was() -> None:
    bench = Bench()
    async with bench.running():
        bench.fleet.put(pod("web-0"))
        await bench.cache.wait(WORKLOADS, 1)
        bench.fleet.break_watches(WORKLOADS)
        await settle()
        bench.fleet.put(pod("web-1"))
        await bench.resume()
        assert bench.told == ["+web-0", "+web-1"]


async def test_what_went_while_the_watch_was_forgotten_is_told_as_deleted() -> None:
    bench = Bench()
    async with bench.running():
        for name in ("gone", "kept", "made-anew"):
            bench.fleet.put(pod(name))
        await bench.cache.wait(WORKLOADS, 3)
        bench.told.clear()
        bench.fleet.hold(WORKLOADS)
        bench.fleet.remove(POD, "gone")
        bench.fleet.remove(POD, "made-anew")
        bench.fleet.put(pod("made-anew"))
        bench.fleet.put(pod("new"))
        bench.fleet.break_watches(WORKLOADS, forget=True)
        bench.fleet.release(WORKLOADS)
        bench.told.clear()
        await bench.resume()
        await bench.resume()
        assert bench.told == ["-gone", "-made-anew", "+made-anew", "+new"]
        assert bench.pods() == ["kept", "made-anew", "new"]
        assert bench.cache.version(WORKLOADS) == 7


async def test_a_service_that_went_back_ends_the_worker() -> None:
    bench = Bench()
    bench.fleet.put(pod("web-0"))
    async with Tasks("test") as tasks:
        following = tasks.spawn(bench.cache.run(), "cache", awaited=True)
        await bench.cache.synced()
        bench.fleet.restore(WORKLOADS)
        await bench.resume()
        await bench.resume()
        with pytest.raises(StoreRestoredError, match="from version 1 to 0: it was restored"):
            await asyncio.wait_for(following, 1)


async def test_a_memo_is_asked_once_for_each_version() -> None:
    bench = Bench()
    asked: list[str] = []

    def derive(message: Any) -> str:
        asked.append(message.metadata.resource_version)
        return f"seen {message.metadata.name}"

    memo = Memo(bench.cache, POD, derive)
    async with bench.running():
        bench.fleet.put(pod("web-0"))
        await bench.cache.wait(WORKLOADS, 1)
        held = bench.cache.list(POD)[0]
        assert [memo(held), memo(held)] == ["seen web-0", "seen web-0"]
        bench.fleet.put(pod("web-0"))
        await bench.cache.wait(WORKLOADS, 2)
        assert memo(bench.cache.list(POD)[0]) == "seen web-0"
    assert asked == ["1", "2"]
