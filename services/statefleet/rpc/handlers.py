"""Handlers of a server's methods: how interceptors wrap them, and how one with a stream of responses is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Wrapped:
    """What an interceptor has made of handlers: `wrap` is called once for each, with its method's name.

    It stays the same object, so that whoever wraps it in turn does that once too.
    """

    def __init__(self, wrap: Callable[[str, Any], Any]) -> None:
        self._wrap = wrap
        self._made: dict[str, tuple[Any, Any]] = {}

    def of(self, method: str, handler: Any) -> Any:
        """Return the wrapped handler of a method; None where there is no handler."""
        if handler is None:
            return None
        inner, made = self._made.get(method, (None, None))
        if inner is not handler:
            made = self._wrap(method, handler)
            self._made[method] = (handler, made)
        return made


async def respond(result: Any, context: Any) -> None:
    """Run what a handler with a stream of responses returned: a generator, or a coroutine that writes.

    A generator is closed whatever happens, and not when garbage is collected.
    """
    if not hasattr(result, "__aiter__"):
        await result
        return
    try:
        async for message in result:
            await context.write(message)
    finally:
        close = getattr(result, "aclose", None)
        if close is not None:
            await close()
