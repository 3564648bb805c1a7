from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from statefleet.errors import Unavailable
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
