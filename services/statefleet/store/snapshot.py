"""Keep images of a state as chunks in a log of their own: a begin, parts, and an end with their count.

A snapshot without its end, or with fewer parts than its end says, was torn by a crash and is not one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

from statefleet.api.log.v1.log_pb2 import (
    RequestOutcome,
    ShardState,
    SnapshotBegin,
    SnapshotChunk,
    SnapshotEnd,
    SnapshotEntry,
    SnapshotPart,
)
from statefleet.api.log.v1.log_pb2 import (
    VersionTime as VersionTimeMessage,
)
from statefleet.store.entries import Claim, Entry, Key, Remembered, VersionTime, last_write
from statefleet.store.image import Image
from statefleet.store.log import Log, TrimmedError

T = TypeVar("T")

PART_BYTES = 256 * 1024
"""About how large a part is: small enough that records get in between while it is written."""
_SMALL_ITEMS = 2000
"""How many marks, claims or requests a part holds."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A complete snapshot: where its chunks are and which record comes after it."""

    snapshot_id: int
    first_chunk: int
    last_chunk: int
    next_offset: int
    time_ns: int


class Snapshots:
    """The snapshots of one log, in another log."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def save(self, image: Image, next_offset: int) -> Snapshot:
        """Write a snapshot of the state that all records below `next_offset` gave; return it once it is durable."""
        snapshot_id = _snapshot_id(image.epoch, await self._log.end())
        first = last = -1
        for chunk in chunks(image, next_offset, snapshot_id):
            last = await self._log.append(chunk.SerializeToString(deterministic=True))
            first = last if first < 0 else first
        return Snapshot(snapshot_id, first, last, next_offset, image.time_ns)

    async def complete(self) -> list[Snapshot]:
        """Return the complete snapshots, oldest first."""
        while True:
            try:
                return await self._complete()
            except TrimmedError:
                continue  # the leader has dropped the oldest meanwhile

    async def _complete(self) -> list[Snapshot]:
        found: list[Snapshot] = []
        begun: dict[int, tuple[int, SnapshotBegin, int]] = {}
        async for offset, chunk in self._chunks(await self._log.start(), await self._log.end()):
            kind = chunk.WhichOneof("chunk")
            if kind == "begin":
                begun[chunk.snapshot_id] = (offset, chunk.begin, 0)
            elif chunk.snapshot_id in begun:
                first, begin, parts = begun[chunk.snapshot_id]
                if kind == "part":
                    begun[chunk.snapshot_id] = (first, begin, parts + 1)
                elif chunk.end.parts == parts:
                    found.append(Snapshot(chunk.snapshot_id, first, offset, begin.next_offset, begin.time_ns))
        return found

    async def load(self, snapshot: Snapshot) -> Image:
        """Read a snapshot that is complete. TrimmedError where it was dropped meanwhile."""
        parts = []
        begin = SnapshotBegin()
        async for _, chunk in self._chunks(snapshot.first_chunk, snapshot.last_chunk + 1):
            if chunk.snapshot_id != snapshot.snapshot_id:
                continue
            if chunk.HasField("begin"):
                begin = chunk.begin
            elif chunk.HasField("part"):
                parts.append(chunk.part)
        return _image(begin, parts)

    async def drop_before(self, oldest: Snapshot) -> None:
        """Drop what was written before a snapshot, complete or torn."""
        await self._log.trim(oldest.first_chunk)

    async def _chunks(self, start: int, end: int) -> AsyncIterator[tuple[int, SnapshotChunk]]:
        if start >= end:
            return
        async with aclosing(self._log.read(start)) as batches:
            async for batch in batches:
                for offset, payload in batch:
                    if offset < end:
                        yield offset, SnapshotChunk.FromString(payload)
                if batch[-1].offset + 1 >= end:
                    return


def _snapshot_id(epoch: int, end: int) -> int:
    """Return a number that no other snapshot of this log has, whoever else believes to lead writes one just now."""
    return int.from_bytes(blake2b(b"%d/%d" % (epoch, end), digest_size=8).digest())


def newest_older_than(snapshots: Iterable[Snapshot], time_ns: int) -> Snapshot | None:
    """Return the newest of some snapshots, given oldest first, whose state is not newer than a time; none: None."""
    return max((s for s in snapshots if s.time_ns <= time_ns), key=lambda s: s.next_offset, default=None)


def chunks(image: Image, next_offset: int, snapshot_id: int) -> Iterator[SnapshotChunk]:
    """Yield the chunks of a snapshot, made one by one as they are asked for. Equal images give equal chunks."""
    begin = SnapshotBegin(
        next_offset=next_offset,
        version=image.version,
        epoch=image.epoch,
        feature_level=image.feature_level,
        time_ns=image.time_ns,
        marks_floor=image.marks_floor,
        version_times=[VersionTimeMessage(time_ns=t, version=v) for t, v in image.version_times],
    )
    yield SnapshotChunk(snapshot_id=snapshot_id, begin=begin)
    count = 0
    for part in _parts(image):
        yield SnapshotChunk(snapshot_id=snapshot_id, part=part)
        count += 1
    yield SnapshotChunk(snapshot_id=snapshot_id, end=SnapshotEnd(parts=count))


def _parts(image: Image) -> Iterator[SnapshotPart]:
    yield from _entry_parts(image.entries)
    for marks in _slices(image.marks.items()):
        yield SnapshotPart(marks=dict(marks))
    for claims in _slices(image.claims.items()):
        yield SnapshotPart(shards={shard: ShardState(epoch=c.epoch, holder=c.holder) for shard, c in claims})
    for requests in _slices(image.requests.items()):
        yield SnapshotPart(requests=[_request(request_id, first) for request_id, first in requests])


def _entry_parts(entries: Iterable[Entry]) -> Iterator[SnapshotPart]:
    part, size = SnapshotPart(), 0
    for entry in entries:
        added = part.entries.add(
            key=entry.key.to_message(), version=entry.version, object=entry.data, slot=entry.slot
        )
        if entry.last_write is not None:
            added.written_ns, added.author.user, added.author.field_manager = entry.last_write
        size += len(entry.data) + 64
        if size >= PART_BYTES:
            yield part
            part, size = SnapshotPart(), 0
    if size:
        yield part


def _slices(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while taken := list(islice(rest, _SMALL_ITEMS)):
        yield taken


def _request(request_id: str, first: Remembered) -> RequestOutcome:
    return RequestOutcome(
        request_id=request_id,
        time_ns=first.time_ns,
        refusal=first.refusal,
        version=first.version,
        subject=first.subject,
    )


def _entry(kept: SnapshotEntry) -> Entry:
    last = last_write(kept.written_ns, kept.author) if kept.written_ns else None
    return Entry(Key.of(kept.key), kept.version, kept.object, kept.slot, last)


def _image(begin: SnapshotBegin, parts: Iterable[SnapshotPart]) -> Image:
    entries: list[Entry] = []
    marks: dict[str, int] = {}
    claims: dict[str, Claim] = {}
    requests: dict[str, Remembered] = {}
    for part in parts:
        entries.extend(map(_entry, part.entries))
        marks.update(part.marks)
        claims.update((shard, Claim(c.epoch, c.holder)) for shard, c in part.shards.items())
        for r in part.requests:
            requests[r.request_id] = Remembered(r.time_ns, r.version, r.refusal, r.subject)
    return Image(
        version=begin.version,
        epoch=begin.epoch,
        feature_level=begin.feature_level,
        time_ns=begin.time_ns,
        marks_floor=begin.marks_floor,
        version_times=tuple(VersionTime(t.time_ns, t.version) for t in begin.version_times),
        entries=entries,
        marks=dict(sorted(marks.items(), key=lambda mark: mark[1])),
        claims=claims,
        requests=requests,
    )
