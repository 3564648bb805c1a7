"""Writes and slow starts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from statefleet.api.object.v1.verbs_pb2 import Fence
from statefleet.errors import Conflict, Fenced, FleetError, Invalid, Unavailable
from statefleet.objects.kinds import POD, WORKLOADS
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.executor import Executor, in_order, slow_start
from statefleet.reconcile.statuses import StatusWriter
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.tasks import Tasks
from support.fleet_objects import pod
from support.worker_fleet import WorkerFleet


def executor(fleet: WorkerFleet, fences: dict[int, Fence] | None = None) -> Executor:
    clock = SystemClock()
    statuses = StatusWriter(fleet, Cache(fleet, (POD,), clock), clock, Tasks("test"))
    return Executor(fleet, fences if fences is not None else {}, statuses)


async def test_the_highest_version_written_is_remembered() -> None:
    fleet = WorkerFleet()
    act = executor(fleet)
    stored = await act.create(pod("a"))
    assert act.written == {WORKLOADS: 1}
    await act.update(stored)
    await act.delete(fleet.find(POD, "a"))
    assert act.written == {WORKLOADS: 3}
    assert fleet.writes == ["create Pod a", "update Pod a", "delete Pod a"]


async def test_only_the_object_that_was_seen_is_deleted() -> None:
    fleet = WorkerFleet()
    act = executor(fleet)
    seen = await act.create(pod("a"))
    fleet.put(seen)
    with pytest.raises(Conflict):
        await act.delete(seen, unchanged=True)
    await act.delete(seen)
    fleet.put(pod("a"))
    with pytest.raises(Conflict):
        await act.delete(seen)


async def test_an_outcome_that_is_not_known_is_noted() -> None:
    fleet = WorkerFleet()
    act = executor(fleet)
    fleet.before = _raising(Invalid("no"))
    with pytest.raises(Invalid):
        await act.create(pod("a"))
    assert not act.unknown
    fleet.before = _raising(Unavailable("down"))
    with pytest.raises(Unavailable):
        await act.create(pod("a"))
    assert act.unknown


async def test_a_write_overtaken_by_our_own_new_claim_is_to_be_repeated() -> None:
    fleet = WorkerFleet()
    fences: dict[int, Fence] = {WORKLOADS: Fence(shard="s/0", epoch=1)}
    act = executor(fleet, fences)
    fleet.services[WORKLOADS].fences["s/0"] = 2
    with pytest.raises(Fenced):
        await act.create(pod("a"))

    def renew(_verb: str, _message: object) -> None:
        fences[WORKLOADS] = Fence(shard="s/0", epoch=2)

    fleet.before = renew
    with pytest.raises(Unavailable):
        await act.create(pod("a"))
    await act.create(pod("a"))


class Jobs:
    """Jobs that count how many run at once; those in `failing` fail."""

    def __init__(self, failing: set[int]) -> None:
        self.failing = failing
        self.done: list[int] = []
        self.batches: list[int] = []
        self.under_way = 0

    def make(self, count: int) -> list[Callable[[], Awaitable[object]]]:
        return [lambda number=number: self.run(number) for number in range(count)]  # type: ignore[misc]

    async def run(self, number: int) -> None:
        self.under_way += 1
        await asyncio.sleep(0)
        # The first of a batch to go on finds all of it begun.
        if self.under_way:
            self.batches.append(self.under_way)
            self.under_way = 0
        if number in self.failing:
            raise Invalid(f"job {number}")
        self.done.append(number)


@pytest.mark.surface("S3.slow-start", "D2.slow-start")
async def test_batches_double() -> None:
    jobs = Jobs(set())
    assert await slow_start(jobs.make(20)) == []
    assert jobs.batches == [1, 2, 4, 8, 5]
    assert len(jobs.done) == 20


@pytest.mark.surface("S3.slow-start")
async def test_batches_have_a_largest_size() -> None:
    jobs = Jobs(set())
    await slow_start(jobs.make(1600))
    assert jobs.batches == [1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 500, 89]
    jobs = Jobs(set())
    await slow_start(jobs.make(20), largest=4)
    assert jobs.batches == [1, 2, 4, 4, 4, 4, 1]


@pytest.mark.surface("S3.one-failure")
async def test_one_failure_does_not_hold_up_the_others() -> None:
    jobs = Jobs({0, 4})
    failed = await slow_start(jobs.make(12))
    assert [error.message for error in failed] == ["job 0", "job 4"]
    assert sorted(jobs.done) == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    assert jobs.batches == [1, 1, 2, 4, 1, 2, 1]


async def test_where_nothing_succeeds_little_is_tried() -> None:
    jobs = Jobs(set(range(100)))
    failed = await slow_start(jobs.make(100))
    assert len(failed) == 16


async def test_in_order_the_first_failure_is_the_end() -> None:
    jobs = Jobs({2, 3})
    assert await in_order(jobs.make(2)) == []
    failed = await in_order(jobs.make(5))
    assert [error.message for error in failed] == ["job 2"]
    assert jobs.done == [0, 1, 0, 1]
    assert set(jobs.batches) == {1}


@pytest.mark.parametrize("do", [slow_start, in_order])
async def test_fenced_is_the_end_of_all(
    do: Callable[[list[Callable[[], Awaitable[object]]]], Awaitable[object]],
) -> None:
    async def fenced() -> None:
        raise Fenced("claimed by another")

    with pytest.raises(Fenced):
        await do([fenced, fenced])


def _raising(error: FleetError) -> Callable[[str, object], None]:
    def fail(_verb: str, _message: object) -> None:
        raise error

    return fail
