from __future__ import annotations

import asyncio
import gc
import uuid

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


def test_a_uuid_is_a_random_one() -> None:
    made = [SystemRand(seed).uuid() for seed in range(100)]
    read = [uuid.UUID(each) for each in made]
    assert [str(each) for each in read] == made
    assert {(each.version, each.variant) for each in read} == {(4, uuid.RFC_4122)}


def test_without_a_seed_nothing_repeats() -> None:
    assert SystemRand().uuid() != SystemRand().uuid()


async def test_the_clock_goes_on() -> None:
    clock = SystemClock()
    wall, steady = clock.now(), clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - steady >= 0.009
    assert clock.now() == pytest.approx(wall, abs=60)


async def test_a_failure_that_nobody_waits_for_any_more_is_no_complaint() -> None:
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))

    async def fail() -> None:
        raise ValueError("broken")

    async with Tasks("owner") as tasks:
        tasks.spawn(fail(), "failing", awaited=True)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(tasks) == 0
    gc.collect()
    assert complaints == []
