from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from statefleet.errors import Unavailable
from statefleet.runtime.tasks import Tasks
from statefleet.store.log_end import LogEnd
from statefleet.store.memory_log import MemoryLog
from support.stores import settle


class Asked(MemoryLog):
    """A log whose end is answered by the test: with what it then is, or with an error."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[asyncio.Future[None]] = []

    async def end(self) -> int:
        end = await super().end()
        question: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.questions.append(question)
        await question
        return end


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    async with Tasks("test") as tasks:
        yield tasks


async def asking(end: LogEnd, count: int) -> list[asyncio.Task[int]]:
    asked = [asyncio.ensure_future(end.get()) for _ in range(count)]
    await settle()
    return asked


async def test_an_answer_begun_before_one_came_is_not_theirs(tasks: Tasks) -> None:
    log = Asked()
    end = LogEnd(log, tasks)
    (early,) = await asking(end, 1)
    await log.append(b"acknowledged")
    later = await asking(end, 3)
    log.questions[0].set_result(None)
    assert await early == 0
    await settle()
    log.questions[1].set_result(None)
    assert await asyncio.gather(*later) == [1, 1, 1]
    assert len(log.questions) == 2


async def test_one_who_gives_up_leaves_the_question_to_the_others(tasks: Tasks) -> None:
    log = Asked()
    end = LogEnd(log, tasks)
    unlucky, *others = await asking(end, 3)
    unlucky.cancel()
    await settle()
    assert unlucky.cancelled()
    log.questions[0].set_result(None)
    assert await asyncio.gather(*others) == [0, 0]
    assert len(log.questions) == 1


async def test_a_question_that_fails_fails_for_all_who_share_it_and_for_nobody_else(tasks: Tasks) -> None:
    log = Asked()
    end = LogEnd(log, tasks)
    (first,) = await asking(end, 1)
    await log.append(b"acknowledged")
    sharing = await asking(end, 10)
    log.questions[0].set_exception(Unavailable("no answer"))
    await settle()
    assert isinstance(first.exception(), Unavailable)
    (last,) = await asking(end, 1)
    log.questions[1].set_exception(Unavailable("no answer"))
    await settle()
    assert all(isinstance(each.exception(), Unavailable) for each in sharing)
    log.questions[2].set_result(None)
    assert await last == 1


async def test_a_question_that_is_cancelled_is_answered(tasks: Tasks) -> None:
    (waiting,) = await asking(LogEnd(Asked(), tasks), 1)
    await tasks.cancel()
    with pytest.raises(Unavailable, match="stopped"):
        await waiting
