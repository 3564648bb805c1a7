"""Write snapshots of a state when they are due, find the one to start from, and trim what no start needs."""

from __future__ import annotations

from dataclasses import dataclass

from statefleet.errors import Unavailable
from statefleet.runtime.clock import Clock
from statefleet.store.log import Log, TrimmedError
from statefleet.store.snapshot import Snapshot, Snapshots, newest_older_than
from statefleet.store.state import State

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SnapshotSettings:
    """When a snapshot is due: after so many records, or so many seconds with any record at all."""

    records: int = 10_000
    seconds: float = 300.0
    pause_seconds: float = 30.0
    """Not sooner after the one before."""
    window_seconds: float = 300.0
    """A start shows the history of at least this time: it begins from a snapshot that is older."""


class SnapshotKeeper:
    """The snapshots of one store's log."""

    def __init__(self, log: Log, snapshots: Snapshots, clock: Clock, settings: SnapshotSettings) -> None:
        self._log = log
        self._snapshots = snapshots
        self._clock = clock
        self._settings = settings
        self._kept: list[Snapshot] = []
        self._last_offset = 0
        self._last_time = clock.monotonic()

    async def load(self, state: State) -> int:
        """Make a state that of the snapshot to start from and return the offset of the record that comes next.

        That is the newest complete snapshot older than the history window, else the oldest; without any, the empty
        state and offset 0. Unavailable where the log begins later than the snapshot ends, or ends before.
        """
        while True:
            try:
                return await self._load(state)
            except TrimmedError:
                continue  # the leader has dropped that snapshot meanwhile, and has newer ones

    async def _load(self, state: State) -> int:
        # In this order: there is always a snapshot that reaches where the log began a while ago.
        start = await self._log.start()
        await self.look()
        usable = [snapshot for snapshot in self._kept if snapshot.next_offset >= start]
        chosen = newest_older_than(usable, self._window_start())
        if chosen is None and start == 0:
            return 0
        if chosen is None and not usable:
            raise Unavailable(f"the log begins at offset {start} and no snapshot reaches it")
        chosen = chosen or usable[0]
        end = await self._log.end()
        if end < chosen.next_offset:
            raise Unavailable(
                f"the log has lost records: it ends at {end}, a snapshot holds all below {chosen.next_offset}"
            )
        state.load(await self._snapshots.load(chosen))
        return chosen.next_offset

    async def look(self) -> None:
        """Learn which snapshots there are."""
        self._kept = sorted(await self._snapshots.complete(), key=lambda snapshot: snapshot.next_offset)
        self._last_offset = self._kept[-1].next_offset if self._kept else 0

    @property
    def newest_time(self) -> float | None:
        """The time of the last record in the newest snapshot that is known of, in seconds since the Unix epoch."""
        return self._kept[-1].time_ns / _SECOND_NS if self._kept else None

    def due(self, next_offset: int) -> bool:
        """Tell whether a snapshot should be written, when all records below an offset are applied."""
        records = next_offset - self._last_offset
        age = self._clock.monotonic() - self._last_time
        if records <= 0 or age < self._settings.pause_seconds:
            return False
        return records >= self._settings.records or age >= self._settings.seconds

    async def save(self, state: State, next_offset: int) -> None:
        """Write a snapshot of a state that all records below an offset gave, and trim."""
        self._last_time = self._clock.monotonic()
        self._kept.append(await self._snapshots.save(state.image(), next_offset))
        self._last_offset = next_offset
        await self.trim()

    async def trim(self) -> None:
        """Drop the snapshots, and the records, that are older than the one a start would choose."""
        oldest = newest_older_than(self._kept, self._window_start())
        if oldest is None:
            return
        self._kept = [snapshot for snapshot in self._kept if snapshot.next_offset >= oldest.next_offset]
        await self._snapshots.drop_before(oldest)
        await self._log.trim(oldest.next_offset)

    def _window_start(self) -> int:
        return int((self._clock.now() - self._settings.window_seconds) * _SECOND_NS)
