"""A log in memory, for tests and simulation. Several replicas in one process may share one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from statefleet.errors import TooLarge
from statefleet.store.log import MAX_STORED, Appended, Tail, TrimmedError


class MemoryLog:
    """A log that lives as long as the object."""

    def __init__(self, *, relaxed: bool = False) -> None:
        self._relaxed = relaxed
        self._tail = Tail(0)

    @property
    def relaxed(self) -> bool:
        """Whether it stands for a log that may lose its newest records."""
        return self._relaxed

    async def append(self, payload: bytes) -> int:
        """Add a record and return its offset. TooLarge."""
        if len(payload) > MAX_STORED:
            raise TooLarge(f"a record of {len(payload)} bytes is larger than the limit of {MAX_STORED}")
        self._tail.extend((payload,))
        return self._tail.end - 1

    async def read(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        """Yield the records from an offset on, then wait for more. TrimmedError."""
        while True:
            if offset < self._tail.start:
                raise TrimmedError(self._tail.start)
            batch = self._tail.since(offset)
            if batch:
                offset = batch[-1].offset + 1
                yield batch
            else:
                await self._tail.grown()

    async def start(self) -> int:
        """Return the offset of the oldest record that is kept."""
        return self._tail.start

    async def end(self) -> int:
        """Return the offset that the next record will have."""
        return self._tail.end

    async def trim(self, before: int) -> None:
        """Drop the records below an offset."""
        self._tail.trim(before)
