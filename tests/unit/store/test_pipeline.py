from __future__ import annotations

import asyncio

import pytest

from statefleet.errors import Unavailable
from statefleet.store.entries import Outcome
from statefleet.store.memory_log import MemoryLog
from statefleet.store.metrics import StoreMetrics
from statefleet.store.pipeline import Pipeline
from support.stores import settle


class Held(MemoryLog):
    """A log that takes a record at once and answers only when let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def append(self, payload: bytes) -> int:
        offset = await super().append(payload)
        await self.let.wait()
        return offset


async def started(log: MemoryLog, count: int) -> tuple[Pipeline, list[asyncio.Task[Outcome]]]:
    pipeline = Pipeline(log, StoreMetrics())
    tasks = [asyncio.ensure_future(pipeline.decide(b"%d" % n)) for n in range(count)]
    await settle()
    return pipeline, tasks


async def one_added_and_one_on_its_way() -> tuple[Held, Pipeline, list[asyncio.Task[Outcome]]]:
    """Return two who wait: one for the outcome of a record in the log, one for the append to return."""
    log = Held()
    pipeline, tasks = await started(log, 1)
    log.let.set()
    await settle()
    log.let.clear()
    tasks.append(asyncio.ensure_future(pipeline.decide(b"late")))
    await settle()
    return log, pipeline, tasks


async def test_each_gets_the_outcome_of_its_own_offset() -> None:
    pipeline, tasks = await started(MemoryLog(), 3)
    for offset in (0, 1, 2):
        pipeline.applied(offset, Outcome(10 + offset))
    assert [outcome.version for outcome in await asyncio.wait_for(asyncio.gather(*tasks), 5)] == [10, 11, 12]


async def test_a_record_may_be_applied_before_its_append_returns() -> None:
    log = Held()
    pipeline, tasks = await started(log, 2)
    pipeline.applied(0, Outcome(10))
    pipeline.applied(1, Outcome(11))
    log.let.set()
    assert [outcome.version for outcome in await asyncio.wait_for(asyncio.gather(*tasks), 5)] == [10, 11]


async def test_the_records_of_others_are_nobodys() -> None:
    pipeline, tasks = await started(MemoryLog(), 1)
    pipeline.applied(7, Outcome(70))
    pipeline.applied(0, Outcome(10))
    assert (await tasks[0]).version == 10


async def test_a_stop_answers_those_who_wait_and_those_whose_append_returns_later() -> None:
    log, pipeline, tasks = await one_added_and_one_on_its_way()
    pipeline.stop()
    log.let.set()
    for task in tasks:
        with pytest.raises(Unavailable):
            await task
    with pytest.raises(Unavailable):
        await pipeline.decide(b"x")


async def test_an_outcome_that_was_passed_over_is_unknown() -> None:
    log, pipeline, tasks = await one_added_and_one_on_its_way()
    pipeline.passed(2)
    log.let.set()
    for task in tasks:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(task, 5)


async def test_an_outcome_that_is_no_longer_kept_when_the_append_returns_is_unknown() -> None:
    log = Held()
    pipeline, (appending,) = await started(log, 1)
    for offset in range(20_000):
        pipeline.applied(offset, Outcome(offset))
    log.let.set()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(appending, 5)
