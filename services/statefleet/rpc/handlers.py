"""How a handler with a stream of responses is run: written as a generator, or as a coroutine that writes."""

from __future__ import annotations

from typing import Any


async def respond(result: Any, context: Any) -> None:
    """Run what such a handler returned. A generator is closed whatever happens, and not when garbage is collected."""
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
