"""Clients that go on appending to a log, asking for its end and reading it, and a check of what they saw."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Self

from statefleet.errors import Unavailable
from statefleet.store.log import Appended, Log

_PATIENCE_SECONDS = 60.0


class Traffic:
    """Traffic on a log for as long as the block lasts; each client appends one record after the other."""

    def __init__(self, log: Log, clients: int = 4) -> None:
        self.acknowledged: list[Appended] = []
        self.unknown: list[bytes] = []
        self.longest_seconds = 0.0
        self.end_longest_seconds = 0.0
        self._log = log
        self._clients = clients
        self._read: list[Appended] = []
        self._stopping = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._reader = self._loop.create_task(self._follow())
        self._others = [self._loop.create_task(self._append(client)) for client in range(self._clients)]
        self._others.append(self._loop.create_task(self._ask()))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._others, return_exceptions=True)
        self._reader.cancel()

    async def more(self, count: int = 50) -> None:
        """Return when so many more appends were acknowledged."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while len(self.acknowledged) < wanted:
                await asyncio.sleep(0.02)

    async def check(self) -> None:
        """Stop, read all, and check that nothing acknowledged is lost, doubled or out of order."""
        self._stopping = True
        await asyncio.gather(*self._others)
        end = await self._log.end()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not self._read or self._read[-1].offset + 1 < end:
                assert not self._reader.done(), self._reader.exception()
                await asyncio.sleep(0.02)
        assert [record.offset for record in self._read] == list(range(end))
        assert set(self.acknowledged) <= set(self._read), "an acknowledged record is lost"
        for client in range(self._clients):
            mine = [int(p.partition(b":")[2]) for _, p in self._read if p.startswith(b"%d:" % client)]
            assert mine == sorted(set(mine)), "records are doubled or not in the order of the calls"

    async def _append(self, client: int) -> None:
        number = 0
        while not self._stopping:
            payload = b"%d:%d" % (client, number)
            number += 1
            began = self._loop.time()
            try:
                self.acknowledged.append(Appended(await self._log.append(payload), payload))
            except Unavailable:
                self.unknown.append(payload)
            self.longest_seconds = max(self.longest_seconds, self._loop.time() - began)
            await asyncio.sleep(0.002)

    async def _ask(self) -> None:
        while not self._stopping:
            last = max((record.offset for record in self.acknowledged[-self._clients :]), default=-1)
            began = self._loop.time()
            with suppress(Unavailable):
                assert await self._log.end() > last, "the end of the log is below what was acknowledged"
            self.end_longest_seconds = max(self.end_longest_seconds, self._loop.time() - began)
            await asyncio.sleep(0.01)

    async def _follow(self) -> None:
        async with aclosing(self._log.read(0)) as batches:
            async for batch in batches:
                self._read.extend(batch)
