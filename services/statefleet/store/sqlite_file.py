"""One SQLite file with any number of logs, written by one thread that commits together what came together."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Self

from statefleet.errors import Unavailable
from statefleet.store.log import Appended

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LENGTH = struct.Struct(">I")
_COMMIT_BYTES = 4 * 1024 * 1024
_COMMIT_RECORDS = 1024
_READ_BYTES = 1024 * 1024
_TRIM_ROWS = 256
_CHECKPOINT_BYTES = 4 * 1024 * 1024
"""After how many bytes of records the write-ahead log is copied into the file, beside the commits."""
_RESTART_BYTES = 32 * 1024 * 1024
"""At which size of the write-ahead log, if copying beside the commits never caught up, they wait for it."""
_PAGE_BYTES = 4096

Sink = Callable[[int, Sequence[bytes], Sequence["asyncio.Future[int]"]], None]
"""Takes, on the event loop, what was committed to one log: the first offset, the records, who waits for them."""


class Table:
    """One log's place in the file. The writer's thread alone touches `next_offset`."""

    def __init__(self, name: str, start: int, next_offset: int) -> None:
        self.name = name
        self.start = start
        self.next_offset = next_offset
        self.sink: Sink | None = None


class _Append(NamedTuple):
    table: Table
    payload: bytes
    done: asyncio.Future[int]


class _Call(NamedTuple):
    """Something else for the writer to do between two commits."""

    act: Callable[[sqlite3.Connection], Any]
    done: asyncio.Future[Any]


class SqliteFile:
    """The file, open within its `async with` block. `relaxed`: a crash of the machine may lose the newest commits.

    One process at a time may open it (see `coordination.local.hold_directory`).
    """

    def __init__(self, path: Path, *, relaxed: bool = False) -> None:
        self.relaxed = relaxed
        self._path = path
        self._queue: SimpleQueue[_Append | _Call | None] = SimpleQueue()
        self._tables: dict[str, Table] = {}
        self._failure = ""
        self._uncopied_bytes = 0
        self._wal_bytes = 0
        self._checkpointing = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._writes = self._connect()
        self._writes.execute("CREATE TABLE IF NOT EXISTS logs (name TEXT PRIMARY KEY, start INTEGER NOT NULL)")
        self._reads = self._connect()
        self._reader = ThreadPoolExecutor(1, "sqlite-reader")
        self._writer = threading.Thread(target=self._write, name="sqlite-writer", daemon=True)
        self._writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queue.put(None)
        await self._loop.run_in_executor(self._reader, self._writer.join)
        self._failure = self._failure or "the log is closed"
        self._reader.shutdown()
        self._reads.close()
        self._writes.close()

    async def table(self, name: str) -> Table:
        """Return the place of a log, made where absent. ValueError where the name is not one."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of a log")
        if name not in self._tables:
            self._tables[name] = await self._call(lambda connection: _open_table(connection, name))
        return self._tables[name]

    async def append(self, table: Table, payload: bytes) -> int:
        """Add a record and return its offset once it is committed. Unavailable where a commit has ever failed."""
        if self._failure:
            raise Unavailable(self._failure)
        done: asyncio.Future[int] = self._loop.create_future()
        self._queue.put(_Append(table, payload, done))
        return await done

    async def read(self, table: Table, offset: int) -> list[Appended]:
        """Return some records from an offset on that was committed."""
        return await self._loop.run_in_executor(self._reader, _read_some, self._reads, table.name, offset)

    async def trim(self, table: Table, before: int) -> None:
        """Drop the records below an offset, a few commits' worth at a time so that appends get in between."""
        await self._call(lambda connection: _move_start(connection, table, before))
        while await self._call(lambda connection: _drop_rows(connection, table)):
            pass

    # --- the writer's thread ---

    def _write(self) -> None:
        closing = False
        while not closing:
            items, closing = self._collect()
            if appends := [item for item in items if isinstance(item, _Append)]:
                self._commit(appends)
            for item in items:
                if isinstance(item, _Call):
                    self._act(item)

    def _collect(self) -> tuple[list[_Append | _Call], bool]:
        """Wait for something to do and take all else that is there, up to what one commit bears."""
        items: list[_Append | _Call] = []
        size = 0
        item = self._queue.get()
        while item is not None:
            items.append(item)
            size += len(item.payload) if isinstance(item, _Append) else 0
            if size >= _COMMIT_BYTES or len(items) >= _COMMIT_RECORDS:
                return items, False
            try:
                item = self._queue.get_nowait()
            except Empty:
                return items, False
        return items, True

    def _commit(self, appends: list[_Append]) -> None:
        groups: dict[Table, list[_Append]] = {}
        for item in appends:
            groups.setdefault(item.table, []).append(item)
        if not self._failure:
            try:
                _insert(self._writes, groups)
            except sqlite3.Error as error:
                self._failure = f"the log cannot be written: {error}"
        if self._failure:
            self._hand_over(_fail, [item.done for item in appends], self._failure)
            return
        committed = []
        for table, items in groups.items():
            committed.append((table, table.next_offset, items))
            table.next_offset += len(items)
        self._hand_over(self._committed, committed)
        try:
            self._checkpoint(sum(len(item.payload) for item in appends))
        except sqlite3.Error as error:
            self._failure = f"the log cannot be copied into its file: {error}"

    def _act(self, call: _Call) -> None:
        try:
            self._hand_over(_resolve, call.done, call.act(self._writes))
        except sqlite3.Error as error:
            self._hand_over(_fail, [call.done], f"the log cannot be written: {error}")

    def _checkpoint(self, written: int) -> None:
        self._uncopied_bytes += written
        if self._wal_bytes + self._uncopied_bytes >= _RESTART_BYTES:
            self._writes.execute("PRAGMA wal_checkpoint(RESTART)")
            self._wal_bytes = self._uncopied_bytes = 0
        elif self._uncopied_bytes >= _CHECKPOINT_BYTES and not self._checkpointing:
            self._uncopied_bytes = 0
            self._checkpointing = True
            self._reader.submit(self._checkpoint_beside)

    def _checkpoint_beside(self) -> None:
        """Copy while commits go on; the write-ahead log begins anew only if none came in between."""
        try:
            _, frames, _ = self._reads.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self._wal_bytes = frames * _PAGE_BYTES
        finally:
            self._checkpointing = False

    def _hand_over(self, act: Callable[..., None], *arguments: Any) -> None:
        """Have the event loop do something; once it is closed nobody waits for it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *arguments)

    # --- the event loop ---

    def _committed(self, committed: list[tuple[Table, int, list[_Append]]]) -> None:
        for table, first, items in committed:
            assert table.sink is not None
            table.sink(first, [item.payload for item in items], [item.done for item in items])

    async def _call(self, act: Callable[[sqlite3.Connection], Any]) -> Any:
        if self._failure:
            raise Unavailable(self._failure)
        done: asyncio.Future[Any] = self._loop.create_future()
        self._queue.put(_Call(act, done))
        return await done

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'NORMAL' if self.relaxed else 'FULL'}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        return connection


def _resolve(done: asyncio.Future[Any], value: Any) -> None:
    if not done.done():
        done.set_result(value)


def _fail(waiting: Sequence[asyncio.Future[Any]], why: str) -> None:
    for done in waiting:
        if not done.done():
            done.set_exception(Unavailable(why))


# A table holds a commit's records as one row: one statement, which is its own transaction, writes them all.


def _open_table(connection: sqlite3.Connection, name: str) -> Table:
    connection.execute(
        f'CREATE TABLE IF NOT EXISTS "{name}" (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, body BLOB NOT NULL)'
    )
    connection.execute("INSERT OR IGNORE INTO logs VALUES (?, 0)", (name,))
    (start,) = connection.execute("SELECT start FROM logs WHERE name = ?", (name,)).fetchone()
    last = connection.execute(f'SELECT first + count FROM "{name}" ORDER BY first DESC LIMIT 1').fetchone()  # noqa: S608
    return Table(name, start, max(start, last[0] if last else 0))


def _insert(connection: sqlite3.Connection, groups: dict[Table, list[_Append]]) -> None:
    if len(groups) > 1:
        connection.execute("BEGIN IMMEDIATE")
    try:
        for table, items in groups.items():
            row = (table.next_offset, len(items), _join(item.payload for item in items))
            connection.execute(f'INSERT INTO "{table.name}" VALUES (?, ?, ?)', row)  # noqa: S608
        if len(groups) > 1:
            connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _move_start(connection: sqlite3.Connection, table: Table, before: int) -> None:
    table.start = max(table.start, min(before, table.next_offset))
    connection.execute("UPDATE logs SET start = ? WHERE name = ?", (table.start, table.name))


def _drop_rows(connection: sqlite3.Connection, table: Table) -> bool:
    """Drop some of the rows that lie wholly below the start; tell whether there may be more."""
    rows = f'SELECT first FROM "{table.name}" WHERE first + count <= ? ORDER BY first LIMIT ?'  # noqa: S608
    dropped = connection.execute(f'DELETE FROM "{table.name}" WHERE first IN ({rows})', (table.start, _TRIM_ROWS))  # noqa: S608
    return dropped.rowcount == _TRIM_ROWS


def _read_some(connection: sqlite3.Connection, name: str, offset: int) -> list[Appended]:
    rows = connection.execute(
        f'SELECT first, body FROM "{name}" WHERE first >= (SELECT max(first) FROM "{name}" WHERE first <= ?)'  # noqa: S608
        " ORDER BY first",
        (offset,),
    )
    records: list[Appended] = []
    size = 0
    for first, body in rows:
        records.extend(record for record in _split(first, body) if record.offset >= offset)
        size += len(body)
        if size >= _READ_BYTES:
            break
    rows.close()
    return records


def _join(payloads: Iterator[bytes]) -> bytes:
    return b"".join(part for payload in payloads for part in (_LENGTH.pack(len(payload)), payload))


def _split(first: int, body: bytes) -> Iterator[Appended]:
    position, offset = 0, first
    while position < len(body):
        begin = position + _LENGTH.size
        (length,) = _LENGTH.unpack_from(body, position)
        yield Appended(offset, body[begin : begin + length])
        position, offset = begin + length, offset + 1
