"""A log in a SQLite file: durable on one machine, read by the process that writes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Self

from statefleet.errors import TooLarge, Unavailable
from statefleet.store.log import MAX_STORED, Appended, Tail, TrimmedError
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_rows import Table

_TAIL_BYTES = 4 * 1024 * 1024
"""How much of its newest part a log keeps in memory, for those who follow it."""


class SqliteLog:
    """One of the logs of a file that is open."""

    def __init__(self, file: SqliteFile, table: Table) -> None:
        self._file = file
        self._table = table
        self._start = table.start
        self._tail = Tail(table.next_offset, _TAIL_BYTES)
        file.deliver(table, self._committed)

    @classmethod
    async def open(cls, file: SqliteFile, name: str) -> Self:
        """Return the log of a name, made where absent; open each only once. ValueError where it is not a name."""
        return cls(file, await file.table(name))

    @property
    def relaxed(self) -> bool:
        """Whether a crash of the machine may lose the newest records."""
        return self._file.relaxed

    async def append(self, payload: bytes) -> int:
        """Add a record and return its offset once it is committed. TooLarge, Unavailable."""
        if len(payload) > MAX_STORED:
            raise TooLarge(f"a record of {len(payload)} bytes is larger than the limit of {MAX_STORED}")
        try:
            return await self._file.append(self._table, payload)
        except Unavailable as error:
            self._tail.fail(error)
            raise

    async def read(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        """Yield the records from an offset on, then wait for more. TrimmedError; Unavailable where none can come."""
        while True:
            if offset < self._start:
                raise TrimmedError(self._start)
            if offset >= self._tail.end:
                await self._tail.grown()
                continue
            in_memory = offset >= self._tail.start
            batch = self._tail.since(offset) if in_memory else await self._file.read(self._table, offset)
            if batch:
                offset = batch[-1].offset + 1
                yield batch

    async def start(self) -> int:
        """Return the offset of the oldest record that is kept."""
        return self._start

    async def end(self) -> int:
        """Return the offset that the next record will have."""
        return self._tail.end

    async def trim(self, before: int) -> None:
        """Drop the records below an offset."""
        self._start = max(self._start, min(before, self._tail.end))
        self._tail.trim(self._start)
        await self._file.trim(self._table, self._start)

    def _committed(self, first: int, payloads: Sequence[bytes], waiting: Sequence[asyncio.Future[int]]) -> None:
        # Who follows the log is woken first: the records are applied by the time that those who wait for them go on.
        self._tail.extend(payloads)
        for index, done in enumerate(waiting):
            if not done.done():
                done.set_result(first + index)
