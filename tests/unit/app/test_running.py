from __future__ import annotations

import asyncio
import errno
import os

import click
import pytest

from statefleet.app.running import complaints, run_until_stopped
from statefleet.errors import Unavailable


async def ends_with(error: Exception | None) -> None:
    await asyncio.sleep(0)
    if error is not None:
        raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unavailable("the port is taken"), "the port is taken"),
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "worker.crt"), "worker.crt: No such file"),
        (None, "it ended by itself"),
    ],
)
async def test_a_part_that_ends_by_itself_says_why(error: Exception | None, told: str) -> None:
    with pytest.raises(click.ClickException, match=told), complaints():
        await run_until_stopped(ends_with(error))


async def test_a_fault_of_a_part_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError), complaints():
        await run_until_stopped(ends_with(ZeroDivisionError()))
