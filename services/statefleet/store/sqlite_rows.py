"""The tables of a SQLite file that holds logs: a row is what one commit added to one log.

So the records of a commit are written by one statement, which is its own transaction.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Mapping, Sequence

from statefleet.store.log import Appended

READ_BYTES = 1024 * 1024
_LENGTH = struct.Struct(">I")
_TRIM_ROWS = 256


class Table:
    """One log's place in the file: the offsets of its oldest and of its next record."""

    __slots__ = ("name", "next_offset", "start")

    def __init__(self, name: str, start: int, next_offset: int) -> None:
        self.name = name
        self.start = start
        self.next_offset = next_offset


def open_file(connection: sqlite3.Connection, *, relaxed: bool) -> None:
    """Set a connection up. `relaxed`: commits do not wait for the disk."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'NORMAL' if relaxed else 'FULL'}")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE IF NOT EXISTS logs (name TEXT PRIMARY KEY, start INTEGER NOT NULL)")


def open_table(connection: sqlite3.Connection, name: str) -> Table:
    """Return the place of a log, made where absent."""
    connection.execute(
        f'CREATE TABLE IF NOT EXISTS "{name}" (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, body BLOB NOT NULL)'
    )
    connection.execute("INSERT OR IGNORE INTO logs VALUES (?, 0)", (name,))
    (start,) = connection.execute("SELECT start FROM logs WHERE name = ?", (name,)).fetchone()
    last = connection.execute(f'SELECT first + count FROM "{name}" ORDER BY first DESC LIMIT 1').fetchone()  # noqa: S608
    return Table(name, start, max(start, last[0] if last else 0))


def insert(connection: sqlite3.Connection, groups: Mapping[Table, Sequence[bytes]]) -> None:
    """Add records at the end of each log, all or none; the offsets are moved by the caller."""
    if len(groups) > 1:
        connection.execute("BEGIN IMMEDIATE")
    try:
        for table, payloads in groups.items():
            row = (table.next_offset, len(payloads), _join(payloads))
            connection.execute(f'INSERT INTO "{table.name}" VALUES (?, ?, ?)', row)  # noqa: S608
        if len(groups) > 1:
            connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def move_start(connection: sqlite3.Connection, table: Table, before: int) -> None:
    """Make an offset the oldest that is kept: never back, never beyond the end."""
    table.start = max(table.start, min(before, table.next_offset))
    connection.execute("UPDATE logs SET start = ? WHERE name = ?", (table.start, table.name))


def drop_rows(connection: sqlite3.Connection, table: Table) -> bool:
    """Drop some of the rows that lie wholly below the start; tell whether there may be more."""
    rows = f'SELECT first FROM "{table.name}" WHERE first + count <= ? ORDER BY first LIMIT ?'  # noqa: S608
    dropped = connection.execute(f'DELETE FROM "{table.name}" WHERE first IN ({rows})', (table.start, _TRIM_ROWS))  # noqa: S608
    return dropped.rowcount == _TRIM_ROWS


def read_some(connection: sqlite3.Connection, name: str, offset: int) -> list[Appended]:
    """Return about READ_BYTES of records from an offset on; none where it is the end."""
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
        if size >= READ_BYTES:
            break
    rows.close()
    return records


def _join(payloads: Sequence[bytes]) -> bytes:
    return b"".join(part for payload in payloads for part in (_LENGTH.pack(len(payload)), payload))


def _split(first: int, body: bytes) -> Iterator[Appended]:
    position, offset = 0, first
    while position < len(body):
        begin = position + _LENGTH.size
        (length,) = _LENGTH.unpack_from(body, position)
        yield Appended(offset, body[begin : begin + length])
        position, offset = begin + length, offset + 1
