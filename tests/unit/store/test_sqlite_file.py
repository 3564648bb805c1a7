from __future__ import annotations

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from statefleet.errors import Unavailable
from statefleet.store import sqlite_file
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_log import SqliteLog


async def test_what_comes_together_is_committed_together(tmp_path: Path) -> None:
    async with SqliteFile(tmp_path / "log.db") as file:
        log = await SqliteLog.open(file, "log")
        await asyncio.gather(*(log.append(b"x") for _ in range(500)))
    with sqlite3.connect(tmp_path / "log.db") as connection:
        rows, records = connection.execute("SELECT count(*), sum(count) FROM log").fetchone()
    connection.close()
    assert records == 500
    assert rows < 50


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    async with SqliteFile(tmp_path / "log.db") as opened:
        yield opened


@pytest.fixture
def left(file: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the loop leaves to the thread from now on."""
    found: list[Any] = []
    put = file._put

    def noted(item: Any) -> None:
        found.append(item)
        put(item)

    monkeypatch.setattr(file, "_put", noted)
    return found


@pytest.mark.parametrize(
    ("seconds", "size", "count", "is_left"),
    [
        (0.0001, 100, 1, False),
        (0.0001, 100, 4, False),
        (0.0100, 100, 1, True),
        (0.0001, 100, 5, True),
        (0.0001, 100_000, 1, True),
    ],
    ids=["one", "a few", "slow disk", "many", "much"],
)
async def test_the_loop_itself_commits_what_takes_no_time(
    file: SqliteFile,
    left: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    size: int,
    count: int,
    is_left: bool,
) -> None:
    monkeypatch.setattr(sqlite_file, "_now", lambda: 0.0)
    log = await SqliteLog.open(file, "log")
    await until_idle(file)
    file._commit_seconds = seconds
    left.clear()
    assert await asyncio.gather(*(log.append(b"x" * size) for _ in range(count))) == list(range(count))
    assert len(left) == (count if is_left else 0)
    assert await file.read(log._table, 0) == [(offset, b"x" * size) for offset in range(count)]


async def test_what_comes_while_the_thread_is_at_work_is_left_to_it_too(file: SqliteFile) -> None:
    log = await SqliteLog.open(file, "log")
    await until_idle(file)
    file._commit_seconds = 0.0
    free = threading.Event()
    working = asyncio.ensure_future(file._call(lambda _: free.wait()))
    appending = asyncio.ensure_future(log.append(b"x"))
    try:
        for _ in range(5):
            await asyncio.sleep(0)
        assert not appending.done()
    finally:
        free.set()
    assert await appending == 0
    await working


async def test_after_a_commit_that_took_long_the_thread_does_some(
    file: SqliteFile, left: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await SqliteLog.open(file, "log")
    await until_idle(file)
    file._commit_seconds = 0.0
    times = itertools.chain([0.0, 0.0, 0.0, 5.0], itertools.repeat(5.0))
    monkeypatch.setattr(sqlite_file, "_now", lambda: next(times))
    left.clear()
    assert await log.append(b"slow") == 0
    assert left == []
    assert file._commit_seconds > sqlite_file._PROMPT_SECONDS
    assert await log.append(b"next") == 1
    assert len(left) == 1


async def until_idle(file: SqliteFile) -> None:
    while file._queued:
        await asyncio.sleep(0)


@pytest.mark.parametrize(("relaxed", "level"), [(False, 2), (True, 1)])
async def test_only_a_relaxed_file_skips_the_sync(tmp_path: Path, *, relaxed: bool, level: int) -> None:
    async with SqliteFile(tmp_path / "log.db", relaxed=relaxed) as file:
        assert file._writes.execute("PRAGMA synchronous").fetchone() == (level,)
        assert file._writes.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_the_write_ahead_log_does_not_grow_without_bound(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SqliteFile(path, relaxed=True) as file:
        log = await SqliteLog.open(file, "log")
        for _ in range(60):
            await log.append(b"x" * 1_000_000)
        assert (tmp_path / "log.db-wal").stat().st_size < 45_000_000
        assert path.stat().st_size > 20_000_000


async def test_a_log_that_cannot_be_written_says_so_and_takes_no_more(tmp_path: Path) -> None:
    async with SqliteFile(tmp_path / "log.db") as file:
        log = await SqliteLog.open(file, "log")
        assert await log.append(b"a") == 0
        file._writes.execute("PRAGMA query_only=ON")
        for _ in range(2):
            with pytest.raises(Unavailable, match="cannot be written"):
                await log.append(b"b")
        assert await log.end() == 1


async def test_who_follows_a_log_that_cannot_be_written_is_told_after_its_last_record(tmp_path: Path) -> None:
    async with SqliteFile(tmp_path / "log.db") as file:
        log = await SqliteLog.open(file, "log")
        await log.append(b"a")
        batches = log.read(0)
        assert [record.payload for record in await anext(batches)] == [b"a"]
        following = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)
        file._writes.execute("PRAGMA query_only=ON")
        with pytest.raises(Unavailable, match="cannot be written"):
            await log.append(b"b")
        with pytest.raises(Unavailable, match="cannot be written"):
            async with asyncio.timeout(5):
                await following


async def test_a_log_that_is_closed_takes_no_more(tmp_path: Path) -> None:
    async with SqliteFile(tmp_path / "log.db") as file:
        log = await SqliteLog.open(file, "log")
        last = asyncio.ensure_future(log.append(b"last"))
        await asyncio.sleep(0)
    assert await last == 0
    with pytest.raises(Unavailable, match="closed"):
        await log.append(b"late")


@pytest.mark.parametrize("name", ["", "Log", 'x"; DROP TABLE logs; --', "logs/x"])
async def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    async with SqliteFile(tmp_path / "log.db") as file:
        with pytest.raises(ValueError, match="name of a log"):
            await SqliteLog.open(file, name)
