"""Read logs in a SQLite file that another process may be writing: nothing is locked and nothing written."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from statefleet.errors import MethodNotAllowed, Unavailable
from statefleet.store.log import Appended, TrimmedError
from statefleet.store.sqlite_rows import read_some


class SqliteReader:
    """The file as it is when entered. Unavailable where it is none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        try:
            self.connection = sqlite3.connect(
                f"{self._path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None
            )
            # One view of all its logs, however long they are read.
            self.connection.execute("BEGIN")
            self.connection.execute("SELECT count(*) FROM logs").fetchone()
        except sqlite3.Error as error:
            raise Unavailable(f"{self._path}: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def log(self, name: str) -> SqliteView:
        """Return one of its logs."""
        return SqliteView(self.connection, name)


class SqliteView:
    """A log as it was when its file was opened."""

    relaxed = False

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    async def append(self, payload: bytes) -> int:
        """Refuse. MethodNotAllowed."""
        raise MethodNotAllowed(f"the log was opened for reading: {len(payload)} bytes are not written")

    async def trim(self, before: int) -> None:
        """Refuse. MethodNotAllowed."""
        raise MethodNotAllowed(f"the log was opened for reading: it is not trimmed to {before}")

    async def read(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        """Yield the records from an offset to the end. TrimmedError."""
        if offset < await self.start():
            raise TrimmedError(await self.start())
        while batch := read_some(self._connection, self._name, offset):
            yield batch
            offset = batch[-1].offset + 1

    async def start(self) -> int:
        """Return the offset of the oldest record."""
        row = self._connection.execute("SELECT start FROM logs WHERE name = ?", (self._name,)).fetchone()
        return row[0] if row else 0

    async def end(self) -> int:
        """Return the offset after the newest record."""
        query = f'SELECT first + count FROM "{self._name}" ORDER BY first DESC LIMIT 1'  # noqa: S608 -- our own name
        row = self._connection.execute(query).fetchone()
        return max(await self.start(), row[0] if row else 0)
