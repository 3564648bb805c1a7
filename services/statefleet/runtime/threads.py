"""What other threads have the event loop do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def hand_over(loop: asyncio.AbstractEventLoop, act: Callable[..., Any], *arguments: Any) -> None:
    """Have a loop call something, from a thread that may outlive it: once it has ended, nobody waits for that."""
    with suppress(RuntimeError):  # raised where the loop is closed, which may happen at any moment
        loop.call_soon_threadsafe(act, *arguments)
