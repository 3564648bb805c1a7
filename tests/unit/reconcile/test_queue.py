"""The queue: each key once, one look at a time, later after failures."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from statefleet.reconcile.keys import Key
from statefleet.reconcile.queue import LONGEST_DELAY_SECONDS, WorkQueue
from statefleet.runtime.tasks import Tasks
from support.stores import ManualClock

A, B = Key("default", "a"), Key("default", "b")


class Bench:
    def __init__(self, clock: ManualClock, tasks: Tasks) -> None:
        self.clock = clock
        self.wakes = 0
        self.queue = WorkQueue("test", clock, tasks, self.wake)

    def wake(self) -> None:
        self.wakes += 1


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Tasks("test") as tasks:
        yield Bench(ManualClock(), tasks)


async def test_a_key_added_twice_is_taken_once(bench: Bench) -> None:
    bench.queue.add(A)
    bench.queue.add(A)
    bench.queue.add(B)
    assert [bench.queue.take(), bench.queue.take(), bench.queue.take()] == [A, B, None]
    assert bench.wakes == 2


async def test_the_waker_is_called_in_the_pass_of_the_add(bench: Bench) -> None:
    bench.queue.add(A)
    assert bench.wakes == 1


async def test_a_key_added_during_its_look_comes_again_after_it(bench: Bench) -> None:
    bench.queue.add(A)
    assert bench.queue.take() == A
    bench.queue.add(A)
    assert bench.queue.take() is None
    bench.queue.done(A)
    assert bench.queue.take() == A
    bench.queue.done(A)
    assert bench.queue.take() is None


async def test_failures_delay_a_key_twice_as_long_each_time(bench: Bench) -> None:
    delays = [bench.queue.add_failed(A) for _ in range(4)]
    assert delays == [0.005, 0.01, 0.02, 0.04]
    bench.queue.forget(A)
    assert bench.queue.add_failed(A) == 0.005
    assert [bench.queue.add_failed(A) for _ in range(60)][-1] == LONGEST_DELAY_SECONDS


async def test_a_delayed_key_comes_when_it_is_due(bench: Bench) -> None:
    bench.queue.add_after(A, 5.0)
    await bench.clock.advance(4.9)
    assert bench.queue.take() is None
    await bench.clock.advance(0.1)
    assert bench.queue.take() == A


async def test_of_several_delays_the_shortest_counts(bench: Bench) -> None:
    bench.queue.add_after(A, 5.0)
    bench.queue.add_after(B, 3.0)
    bench.queue.add_after(A, 1.0)
    bench.queue.add_after(A, 9.0)
    await bench.clock.advance(1.0)
    assert bench.queue.take() == A
    bench.queue.done(A)
    await bench.clock.advance(2.0)
    assert bench.queue.take() == B
    await bench.clock.advance(10.0)
    assert bench.queue.take() is None


async def test_statistics_count(bench: Bench) -> None:
    bench.queue.add(A)
    bench.queue.add(B)
    statistics = bench.queue.statistics
    assert (statistics.adds, statistics.depth) == (2, 2)
    await bench.clock.advance(2.0)
    bench.queue.take()
    await bench.clock.advance(3.0)
    assert (statistics.depth, statistics.running()) == (1, [3.0])
    bench.queue.done(A)
    assert (statistics.queued.total, statistics.worked.total, statistics.running()) == (2.0, 3.0, [])
    bench.queue.add_failed(A)
    assert statistics.retries == 1
