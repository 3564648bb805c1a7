from __future__ import annotations

import asyncio

import pytest

from statefleet.errors import Unavailable
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


async def asking(end: LogEnd, count: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.ensure_future(end.get()) for _ in range(count)]
    await settle()
    return tasks


async def test_an_answer_begun_before_one_came_is_not_theirs() -> None:
    log = Asked()
    end = LogEnd(log)
    (early,) = await asking(end, 1)
    await log.append(b"acknowledged")
    later = await asking(end, 3)
    log.questions[0].set_result(None)
    assert await early == 0
    await settle()
    log.questions[1].set_result(None)
    assert await asyncio.gather(*later) == [1, 1, 1]
    assert len(log.questions) == 2


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_one_who_gets_no_answer_leaves_no_old_one_to_the_others(how: str) -> None:
    log = Asked()
    end = LogEnd(log)
    (first,) = await asking(end, 1)
    await log.append(b"acknowledged")
    unlucky, *others = await asking(end, 3)
    log.questions[0].set_result(None)
    assert await first == 0
    await settle()
    if how == "cancelled":
        unlucky.cancel()
    else:
        log.questions[1].set_exception(Unavailable("no answer"))
    await settle()
    with pytest.raises((Unavailable, asyncio.CancelledError)):
        await unlucky
    assert not any(other.done() for other in others)
    log.questions[2].set_result(None)
    assert await asyncio.wait_for(asyncio.gather(*others), 5) == [1, 1]
