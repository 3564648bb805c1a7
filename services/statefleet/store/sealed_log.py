"""A log whose records are encrypted wherever they are kept: a wrapper of any other log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from statefleet.errors import TooLarge, Unavailable
from statefleet.store.keyring import Keyring
from statefleet.store.log import MAX_PAYLOAD, Appended, Log


class SealedLog:
    """Seals what is appended and opens what is read. Records that were written plain are read as they are.

    `name` is the log's: a record put into another log does not open there.
    """

    def __init__(self, log: Log, keyring: Keyring, name: str) -> None:
        self._log = log
        self._keyring = keyring
        self._name = name
        self._place = name.encode()

    @property
    def relaxed(self) -> bool:
        """Whether the log beneath may lose its newest records."""
        return self._log.relaxed

    async def append(self, payload: bytes) -> int:
        """Seal a record, add it and return its offset. TooLarge, Unavailable."""
        if len(payload) > MAX_PAYLOAD:
            raise TooLarge(f"a record of {len(payload)} bytes is larger than the limit of {MAX_PAYLOAD}")
        return await self._log.append(self._keyring.seal(payload, self._place))

    async def read(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        """Yield the records from an offset on, opened, then wait for more. TrimmedError, Unavailable."""
        async with aclosing(self._log.read(offset)) as batches:
            async for batch in batches:
                yield [Appended(record.offset, self._opened(record)) for record in batch]

    async def start(self) -> int:
        """Return the offset of the oldest record that is kept."""
        return await self._log.start()

    async def end(self) -> int:
        """Return the offset that the next record will have."""
        return await self._log.end()

    async def trim(self, before: int) -> None:
        """Drop the records below an offset."""
        await self._log.trim(before)

    def _opened(self, record: Appended) -> bytes:
        try:
            return self._keyring.open(record.payload, self._place)
        except Unavailable as error:
            raise Unavailable(f"{self._name}, offset {record.offset}: {error.message}") from None
