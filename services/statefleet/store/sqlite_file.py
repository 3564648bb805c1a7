"""One SQLite file with any number of logs: what came together is committed together.

A thread does it, so that the event loop goes on meanwhile; but where commits take less time than it takes to wake a
thread and be woken by it, the event loop does the small ones itself.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Self

from statefleet.errors import Unavailable
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.threads import hand_over
from statefleet.store.log import Appended
from statefleet.store.sqlite_rows import Table, drop_rows, insert, move_start, open_file, open_table, read_some

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_COMMIT_BYTES = 4 * 1024 * 1024
_COMMIT_RECORDS = 1024
_CHECKPOINT_BYTES = 4 * 1024 * 1024
"""After how many bytes of records the write-ahead log is copied into the file, beside the commits."""
_RESTART_BYTES = 32 * 1024 * 1024
"""At which size of the write-ahead log, if copying beside the commits never caught up, they wait for it."""
_PAGE_BYTES = 4096

_PROMPT_SECONDS = 0.0005
"""Commits that take no longer, on the average of the last ones, are done by the event loop itself."""
_PROMPT_RECORDS = 4
_PROMPT_BYTES = 64 * 1024
"""No more than this goes into a commit of the event loop's."""
_IDLE_SECONDS = 0.0003
"""A turn of the event loop that took longer had others at work: then the thread commits, and they go on."""
_AVERAGED = 16
"""About how many commits the average is of: after one that took long the thread does some."""

_now = SystemClock().monotonic  # the event loop's own time may stand still while a callback of it runs

Sink = Callable[[int, Sequence[bytes], Sequence["asyncio.Future[int]"]], None]
"""Takes, on the event loop, what was committed to one log: the first offset, the records, who waits for them."""


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

    Unavailable where it cannot be opened. One process at a time may do so (see `coordination.local.hold_directory`).
    """

    def __init__(self, path: Path, *, relaxed: bool = False) -> None:
        self.relaxed = relaxed
        self._path = path
        self._gathered: list[_Append] = []
        self._queue: SimpleQueue[_Append | _Call | None] = SimpleQueue()
        self._queued = 0
        self._commit_seconds = 2 * _PROMPT_SECONDS
        self._sinks: dict[Table, Sink] = {}
        self._failure = ""
        self._uncopied_bytes = 0
        self._wal_bytes = 0
        self._copying: Future[None] = Future()
        self._copying.set_result(None)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._writes = self._connect()
        self._reads = self._connect()
        self._reader = ThreadPoolExecutor(1, "sqlite-reader")
        self._writer = threading.Thread(target=self._write, name="sqlite-writer", daemon=True)
        self._writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pass_on(_now())
        self._queue.put(None)
        await self._loop.run_in_executor(self._reader, self._writer.join)
        self._failure = self._failure or "the log is closed"
        self._reader.shutdown()
        self._reads.close()
        self._writes.close()

    async def table(self, name: str) -> Table:
        """Return the place of a log, made where absent; ask once for each. ValueError where the name is not one."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of a log")
        table: Table = await self._call(lambda connection: open_table(connection, name))
        return table

    def deliver(self, table: Table, sink: Sink) -> None:
        """Give what is committed to a log to a sink from now on; set it before the first append."""
        self._sinks[table] = sink

    async def append(self, table: Table, payload: bytes) -> int:
        """Add a record and return its offset once it is committed. Unavailable where a commit has ever failed."""
        if self._failure:
            raise Unavailable(self._failure)
        done: asyncio.Future[int] = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self._pass_on, _now())
        self._gathered.append(_Append(table, payload, done))
        return await done

    async def read(self, table: Table, offset: int) -> list[Appended]:
        """Return some records from an offset on that was committed."""
        return await self._loop.run_in_executor(self._reader, read_some, self._reads, table.name, offset)

    async def trim(self, table: Table, before: int) -> None:
        """Drop the records below an offset, a few commits' worth at a time so that appends get in between."""
        await self._call(lambda connection: move_start(connection, table, before))
        while await self._call(lambda connection: drop_rows(connection, table)):
            pass

    # --- the event loop ---

    def _pass_on(self, since: float) -> None:
        """Commit what was appended in the turn of the loop since a time, or have the thread do it."""
        appends, self._gathered = self._gathered, []
        if _now() - since <= _IDLE_SECONDS and self._is_prompt(appends):
            self._commit(appends, _at_once)
        else:
            for item in appends:
                self._put(item)

    def _is_prompt(self, appends: Sequence[_Append]) -> bool:
        return (
            not self._queued
            and self._commit_seconds <= _PROMPT_SECONDS
            and 0 < len(appends) <= _PROMPT_RECORDS
            and sum(len(item.payload) for item in appends) <= _PROMPT_BYTES
            and self._wal_bytes + self._uncopied_bytes < _RESTART_BYTES - _PROMPT_BYTES
        )

    def _put(self, item: _Append | _Call) -> None:
        """Give the thread something to do. Until all of that is done, the connection is the thread's."""
        self._queued += 1
        self._queue.put(item)

    def _left(self, count: int) -> None:
        self._queued -= count

    # --- the writer's thread, but for prompt commits ---

    def _write(self) -> None:
        closing = False
        while not closing:
            items, closing = self._collect()
            if appends := [item for item in items if isinstance(item, _Append)]:
                self._commit(appends, self._hand_over)
            for item in items:
                if isinstance(item, _Call):
                    self._act(item)
            self._hand_over(self._left, len(items))

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

    def _commit(self, appends: list[_Append], tell: Callable[..., None]) -> None:
        groups: dict[Table, list[_Append]] = {}
        for item in appends:
            groups.setdefault(item.table, []).append(item)
        if not self._failure:
            began = _now()
            try:
                insert(self._writes, {table: [i.payload for i in items] for table, items in groups.items()})
            except sqlite3.Error as error:
                self._failure = f"the log cannot be written: {error}"
            self._commit_seconds += (_now() - began - self._commit_seconds) / _AVERAGED
        if self._failure:
            tell(_fail, [item.done for item in appends], self._failure)
            return
        committed = []
        for table, items in groups.items():
            committed.append((table, table.next_offset, items))
            table.next_offset += len(items)
        tell(self._committed, committed)
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
            wait([self._copying])  # two checkpoints at once: the second would give up
            busy, _, _ = self._writes.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            if not busy:
                self._wal_bytes = self._uncopied_bytes = 0
        elif self._uncopied_bytes >= _CHECKPOINT_BYTES and self._copying.done():
            self._wal_bytes += self._uncopied_bytes
            self._uncopied_bytes = 0
            self._copying = self._reader.submit(self._copy_beside)

    def _copy_beside(self) -> None:
        """Copy while commits go on; the write-ahead log begins anew only if none came in between."""
        _, frames, _ = self._reads.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._wal_bytes = frames * _PAGE_BYTES

    def _hand_over(self, act: Callable[..., None], *arguments: Any) -> None:
        hand_over(self._loop, act, *arguments)

    def _committed(self, committed: list[tuple[Table, int, list[_Append]]]) -> None:
        for table, first, items in committed:
            self._sinks[table](first, [item.payload for item in items], [item.done for item in items])

    async def _call(self, act: Callable[[sqlite3.Connection], Any]) -> Any:
        if self._failure:
            raise Unavailable(self._failure)
        done: asyncio.Future[Any] = self._loop.create_future()
        self._put(_Call(act, done))
        return await done

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            open_file(connection, relaxed=self.relaxed)
        except sqlite3.Error as error:
            raise Unavailable(f"{self._path}: {error}") from error
        return connection


def _at_once(act: Callable[..., None], *arguments: Any) -> None:
    act(*arguments)


def _resolve(done: asyncio.Future[Any], value: Any) -> None:
    if not done.done():
        done.set_result(value)


def _fail(waiting: Sequence[asyncio.Future[Any]], why: str) -> None:
    for done in waiting:
        if not done.done():
            done.set_exception(Unavailable(why))
