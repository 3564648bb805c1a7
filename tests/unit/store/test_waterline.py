from __future__ import annotations

import asyncio
import gc

import pytest

from statefleet.errors import Unavailable
from statefleet.store.waterline import Waterline
from support.stores import settle


async def test_those_are_released_whose_level_is_reached() -> None:
    line = Waterline(5)
    await line.reach(5)
    waiting = {level: asyncio.ensure_future(line.reach(level)) for level in (9, 7, 8, 7)}
    await settle(2)
    line.rise(8)
    await settle(2)
    assert {level: task.done() for level, task in waiting.items()} == {9: False, 7: True, 8: True}
    line.rise(9)
    await waiting[9]


async def test_one_who_gave_up_is_passed_over() -> None:
    line = Waterline()
    gone, stays = asyncio.ensure_future(line.reach(1)), asyncio.ensure_future(line.reach(1))
    await settle(2)
    gone.cancel()
    await settle(2)
    line.rise(1)
    await stays


async def test_a_failure_ends_the_waiting_but_not_what_was_reached() -> None:
    line = Waterline(3)
    waiting = asyncio.ensure_future(line.reach(4))
    await settle(2)
    line.fail(Unavailable("stopped"))
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await line.reach(4)
    await line.reach(3)


def futures() -> int:
    """Return how many futures this process keeps."""
    gc.collect()
    return sum(type(kept) is asyncio.Future for kept in gc.get_objects())


async def test_those_who_gave_up_are_not_kept_for_a_level_that_never_comes() -> None:
    line = Waterline()
    stays = asyncio.ensure_future(line.reach(10**9))
    before = futures()
    for _ in range(1000):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await line.reach(10**9)
    assert futures() <= before + 4
    line.rise(10**9)
    await stays
