"""Keep bindings apart that could spoil one another's choice, and let the others go on side by side."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Who may bind now.

    A choice that rests on one node only is spoilt by another binding to that node; one that rests on where other pods
    are, by any binding at all.
    """

    def __init__(self) -> None:
        self._nodes: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._alone = asyncio.Lock()
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Begin when no binding is under way; none begins meanwhile."""
        async with self._alone:
            await self._quiet.wait()
            yield

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Begin when no binding is under way that must be alone."""
        while self._alone.locked():
            async with self._alone:
                pass
        self._under_way += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()

    @asynccontextmanager
    async def on(self, node: str) -> AsyncIterator[None]:
        """Begin when no other binding to the node is under way."""
        lock = self._nodes[node]
        async with lock:
            yield
