from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SAFE_ALPHABET, SystemRand
from statefleet.runtime.tasks import Tasks


async def test_tasks_end_with_their_owner_newest_first() -> None:
    ended: list[str] = []

    async def run(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async with Tasks("owner") as tasks:
        for name in ("a", "b", "c"):
            tasks.spawn(run(name), name)
        await asyncio.sleep(0)
        assert len(tasks) == 3
    assert ended == ["c", "b", "a"]
    assert len(tasks) == 0


async def test_a_failure_is_logged_and_told_and_spares_the_others() -> None:
    failures: list[tuple[str, BaseException]] = []
    error = ValueError("broken")

    async def fail() -> None:
        raise error

    with capture_logs() as logs:
        async with Tasks("owner", lambda name, error: failures.append((name, error))) as tasks:
            tasks.spawn(fail(), "failing")
            other = tasks.spawn(asyncio.Event().wait(), "other")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not other.done()
    assert failures == [("owner/failing", error)]
    assert [(entry["event"], entry["task"]) for entry in logs] == [("task failed", "owner/failing")]


async def test_a_task_spawned_while_others_end_ends_too() -> None:
    tasks = Tasks("owner")

    async def spawn_another() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tasks.spawn(asyncio.Event().wait(), "late")

    tasks.spawn(spawn_another(), "first")
    await asyncio.sleep(0)
    await tasks.cancel()
    assert len(tasks) == 0


def test_a_seed_repeats() -> None:
    first, second = SystemRand(7), SystemRand(7)
    assert [first.uuid(), first.suffix(5), first.uniform(0, 1)] == [
        second.uuid(),
        second.suffix(5),
        second.uniform(0, 1),
    ]
    assert set(SystemRand(1).suffix(1000)) == set(SAFE_ALPHABET)


def test_without_a_seed_nothing_repeats() -> None:
    assert SystemRand().uuid() != SystemRand().uuid()


async def test_the_clock_goes_on() -> None:
    clock = SystemClock()
    wall, steady = clock.now(), clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - steady >= 0.009
    assert clock.now() == pytest.approx(wall, abs=60)
