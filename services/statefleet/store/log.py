"""The door to a log: an ordered, durable sequence of records that every replica reads alike."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple, Protocol

MAX_PAYLOAD = 4 * 1024 * 1024
"""The size of a record, in bytes, that every log takes."""

MAX_STORED = MAX_PAYLOAD + 256
"""What one that stores records refuses to exceed: a seal around a record makes it a little larger."""


class Appended(NamedTuple):
    """One record as a reader gets it."""

    offset: int
    payload: bytes


class TrimmedError(Exception):
    """The records asked for are gone; `start` is the oldest offset that is left."""

    def __init__(self, start: int) -> None:
        super().__init__(f"the log begins at offset {start}")
        self.start = start


class Log(Protocol):
    """An append-only sequence of byte strings at offsets 0, 1, 2 and so on, without gaps."""

    @property
    def relaxed(self) -> bool:
        """Whether a crash of the machine may lose the newest records though they were acknowledged."""

    async def append(self, payload: bytes) -> int:
        """Add a record of at most MAX_PAYLOAD bytes and return its offset once it is durable.

        Concurrent appends share a commit and keep the order of the calls. TooLarge; Unavailable where the log cannot
        tell whether the record is in it.
        """

    def read(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        """Yield the records from an offset on, in batches that are not empty; then wait for more, for ever.

        TrimmedError where the offset is below the start. Only durable records are read.
        """

    async def start(self) -> int:
        """Return the offset of the oldest record that is kept; the end where there is none."""

    async def end(self) -> int:
        """Return the offset that the next record will have: all acknowledged before the call are below it."""

    async def trim(self, before: int) -> None:
        """Drop the records below an offset; what is at and above it stays. At most up to the end."""


class Tail:
    """The newest records of a log, in memory, and those who wait for more.

    Keeps at most `limit` bytes, always the last batch; None keeps everything.
    """

    def __init__(self, end: int, limit: int | None = None) -> None:
        self.end = end
        self._limit = limit
        self._bytes = 0
        self._records: list[Appended] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._failure: Exception | None = None

    @property
    def start(self) -> int:
        """The oldest offset in memory; the end where there is none."""
        return self._records[0].offset if self._records else self.end

    def extend(self, payloads: Sequence[bytes]) -> None:
        """Add records at the end and wake those who wait."""
        end = self.end
        self._records.extend(Appended(end + index, payload) for index, payload in enumerate(payloads))
        self.end = end + len(payloads)
        self._bytes += sum(map(len, payloads))
        if self._limit is not None and self._bytes > 2 * self._limit:
            self._shrink(self._limit, len(payloads))
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def trim(self, before: int) -> None:
        """Drop the records below an offset."""
        cut = bisect_left(self._records, (before,))
        self._bytes -= sum(len(record.payload) for record in self._records[:cut])
        del self._records[:cut]

    def since(self, offset: int, most: int = 256) -> Sequence[Appended]:
        """Return up to `most` records from an offset that is in memory."""
        first = offset - self.start
        return self._records[first : first + most]

    async def grown(self) -> None:
        """Return after the next record came. Raises what `fail` was given."""
        if self._failure is not None:
            raise self._failure
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def fail(self, error: Exception) -> None:
        """Raise an error to those who wait for more, now and later: no record comes any more."""
        self._failure = error
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error)

    def _shrink(self, limit: int, newest: int) -> None:
        cut = 0
        while self._bytes > limit and cut < len(self._records) - newest:
            self._bytes -= len(self._records[cut].payload)
            cut += 1
        del self._records[:cut]
