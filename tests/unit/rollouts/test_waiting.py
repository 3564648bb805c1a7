"""When a wait for a rollout ends, and as what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from statefleet.api.rollouts.v1.rollouts_pb2 import Progress
from statefleet.errors import NotFound, Timeout
from statefleet.rollouts.waiting import until_ended

GOING_ON = Progress(state=Progress.STATE_PROGRESSING, reason="Starting", message="waiting for web-1", pod="web-1")
STUCK = Progress(state=Progress.STATE_FAILED, reason="ImagePullBackOff", message="web-2 is stuck", pod="web-2")
DONE = Progress(state=Progress.STATE_DONE, reason="Complete")


async def told(*steps: Progress | Exception, then_wait: bool = True) -> AsyncGenerator[Progress, None]:
    for step in steps:
        if isinstance(step, Exception):
            raise step
        yield step
    if then_wait:
        await asyncio.Event().wait()


async def test_a_rollout_that_is_done_is_not_waited_for() -> None:
    assert await until_ended(told(GOING_ON, DONE), timeout=None, patience=10.0) == DONE


async def test_one_that_is_stuck_for_as_long_as_there_is_patience_has_failed() -> None:
    assert await until_ended(told(GOING_ON, STUCK), timeout=None, patience=0.01) == STUCK
    assert await until_ended(told(GOING_ON, STUCK), timeout=60.0, patience=0.0) == STUCK


async def test_one_that_comes_loose_goes_on() -> None:
    assert await until_ended(told(STUCK, GOING_ON, STUCK, DONE), timeout=None, patience=10.0) == DONE


async def test_one_that_takes_too_long_has_failed_on_what_it_waits_for() -> None:
    ended = await until_ended(told(GOING_ON), timeout=0.01, patience=10.0)
    assert (ended.state, ended.reason, ended.pod) == (Progress.STATE_FAILED, "DeadlineExceeded", "web-1")
    assert ended.message == "not done in 0.01 s: waiting for web-1"
    assert GOING_ON.state == Progress.STATE_PROGRESSING


async def test_one_that_is_stuck_at_the_deadline_has_failed_for_its_own_reason() -> None:
    assert await until_ended(told(STUCK), timeout=0.01, patience=10.0) == STUCK


async def test_nothing_seen_is_a_timeout() -> None:
    with pytest.raises(Timeout):
        await until_ended(told(), timeout=0.01, patience=0.0)


async def test_what_ends_the_steps_ends_the_wait() -> None:
    with pytest.raises(NotFound, match="gone"):
        await until_ended(told(GOING_ON, NotFound("gone")), timeout=None, patience=0.0)
