"""Wait for a rollout's end: done, stuck for too long, or not done in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from statefleet.api.rollouts.v1.rollouts_pb2 import Progress
from statefleet.errors import Timeout

DEADLINE_EXCEEDED = "DeadlineExceeded"


async def until_ended(steps: AsyncGenerator[Progress, None], *, timeout: float | None, patience: float) -> Progress:
    """Return the last step of a rollout: the one that is done, or the one in which it has failed.

    `timeout` is how long it may take, None: for ever; `patience` how long it may be stuck; both in seconds. A rollout
    that takes too long has failed, on the pod that it waits for. Raises what `steps` raises, and Timeout where none
    came.
    """
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    stuck_until: float | None = None
    last: Progress | None = None
    try:
        async with asyncio.timeout_at(deadline) as alarm, aclosing(steps):
            async for last in steps:
                if last.state == Progress.STATE_DONE:
                    return last
                if last.state == Progress.STATE_PROGRESSING:
                    stuck_until = None
                elif stuck_until is None:
                    stuck_until = loop.time() + patience
                alarm.reschedule(_earlier(deadline, stuck_until))
    except TimeoutError:
        if last is None:
            raise Timeout("the rollout was not seen before the deadline") from None
    assert last is not None
    return last if last.state == Progress.STATE_FAILED else _too_late(last, timeout)


def _earlier(first: float | None, second: float | None) -> float | None:
    return min((moment for moment in (first, second) if moment is not None), default=None)


def _too_late(last: Progress, timeout: float | None) -> Progress:
    failed = Progress()
    failed.CopyFrom(last)
    failed.state = Progress.STATE_FAILED
    failed.reason = DEADLINE_EXCEEDED
    failed.message = f"not done in {timeout:g} s: {last.message}"
    return failed
