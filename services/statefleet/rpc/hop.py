"""What a request carries from hop to hop: its identifier, for whom it is, and its deadline, a little shaved off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from statefleet.rpc.identity import CALLED_FOR, called_for_metadata, caller
from statefleet.runtime.logging import REQUEST_ID

REQUEST_ID_KEY = "x-request-id"
"""The metadata that carries the identifier."""

_SHAVE_FRACTION = 0.02
_SHAVE_SECONDS = 0.05

_DEADLINE: ContextVar[tuple[asyncio.Task[Any] | None, float] | None] = ContextVar("deadline", default=None)


def arrive(context: Any, new_id: str) -> str:
    """Take up what came with a request; return its identifier, `new_id` where it had none.

    `context` is the servicer context. To be called in the request's own context variables. Forbidden where the call
    is said to be for somebody whom its caller cannot call for.
    """
    request_id = _found(context.invocation_metadata()) or new_id
    REQUEST_ID.set(request_id)
    remaining = context.time_remaining()
    if remaining is not None:
        # Bound to the task: work that a handler starts to outlive it must not inherit the deadline.
        _DEADLINE.set((asyncio.current_task(), asyncio.get_running_loop().time() + remaining))
    CALLED_FOR.set(caller(context))
    return request_id


def depart(timeout: float | None) -> float | None:
    """Return the timeout of a call made now: its own, or what the request being served leaves, shaved a little."""
    inherited = _DEADLINE.get()
    if inherited is None or inherited[0] is not asyncio.current_task():
        return timeout
    remaining = max(inherited[1] - asyncio.get_running_loop().time(), 0.0)
    remaining -= min(_SHAVE_SECONDS, remaining * _SHAVE_FRACTION)
    return remaining if timeout is None else min(timeout, remaining)


def request_metadata() -> tuple[tuple[str, str | bytes], ...]:
    """Return the metadata of a call made now: the identifier of the request being served, and whose it is."""
    request_id = REQUEST_ID.get()
    whose = called_for_metadata()
    return ((REQUEST_ID_KEY, request_id), *whose) if request_id else whose


def _found(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    for key, value in metadata or ():
        if key == REQUEST_ID_KEY and isinstance(value, str):
            return value[:128]
    return ""
