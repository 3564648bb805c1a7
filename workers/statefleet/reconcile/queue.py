"""Queue the keys that need a look: each once, one look at a time, later and later after failures."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from statefleet.reconcile.keys import Key
from statefleet.reconcile.metrics import QueueStatistics
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks

FIRST_DELAY_SECONDS = 0.005
LONGEST_DELAY_SECONDS = 1000.0


class WorkQueue:
    """Keys of one controller that wait for their turn.

    A key that is added while it waits is one; added while it is being worked on, it comes again after. `ready` is
    called, in the caller's own pass of the event loop, when a key becomes available to `take`.
    """

    def __init__(self, name: str, clock: Clock, tasks: Tasks, ready: Callable[[], object]) -> None:
        self.statistics = QueueStatistics(name, clock)
        self._clock = clock
        self._tasks = tasks
        self._ready = ready
        self._waiting: dict[Key, float] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._later: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._order = itertools.count()
        self._timer: asyncio.Task[None] | None = None
        self._timer_due = float("inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: Key) -> None:
        """Have a key looked at: now, or right after the look that is under way."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = self._clock.monotonic()
            self.statistics.added(len(self._waiting))
            self._ready()

    def add_after(self, key: Key, seconds: float) -> None:
        """Have a key looked at after some seconds; of several times asked for, the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock.monotonic() + seconds
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            heapq.heappush(self._later, (due, next(self._order), key))
            self._set_timer()

    def add_failed(self, key: Key) -> float:
        """Have a key looked at again after its look failed. Return the delay, twice as long each time in a row."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(FIRST_DELAY_SECONDS * 2.0 ** min(failures, 64), LONGEST_DELAY_SECONDS)
        self.statistics.retried()
        self.add_after(key, delay)
        return delay

    def forget(self, key: Key) -> None:
        """Begin anew with the delays of a key: its look went well."""
        self._failures.pop(key, None)

    def take(self) -> Key | None:
        """Return the key that has waited longest, to be given back with `done`; None where none waits."""
        for key, since in self._waiting.items():
            del self._waiting[key]
            self._working.add(key)
            self.statistics.started(key, since, len(self._waiting))
            return key
        return None

    def done(self, key: Key) -> None:
        """Say that the look at a key is over."""
        self._working.remove(key)
        self.statistics.finished(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _set_timer(self) -> None:
        if not self._later or self._later[0][0] >= self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = self._later[0][0]
        self._timer = self._tasks.spawn(self._wait_until(self._timer_due), f"{self.statistics.name}-timer")

    async def _wait_until(self, due: float) -> None:
        await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
        self._timer, self._timer_due = None, float("inf")
        now = self._clock.monotonic()
        while self._later and self._later[0][0] <= now:
            due, _, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)
        self._set_timer()
