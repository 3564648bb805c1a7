"""Keep events few and recent: they are told, not stored."""

# ruff: noqa: ARG002 -- a hook has the parameters that some kind's needs

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.errors import FleetError, TooManyRequests
from statefleet.objects.kinds import EVENT
from statefleet.objects.times import seconds
from statefleet.runtime.clock import Clock
from statefleet.store.draft import Draft
from statefleet.store.entries import Entry, Key
from statefleet.store.owners import Owners
from statefleet.store.state import State
from statefleet.store.strategy import Strategy
from statefleet.store.updates import decide_update
from statefleet.store.verbs import Home, add
from statefleet.store.writing import Writer

EVENTS_AT_ONCE = 500
"""How many events are written at once, at most."""


@dataclass(frozen=True, slots=True)
class EventSettings:
    """How long events are kept and how many."""

    seconds: float = 3600.0
    """After its last occurrence an event is kept so long."""
    capacity: int = 10_000
    """Above this the oldest go at the next sweep, and above one and a quarter of it none is taken."""
    sweep_seconds: float = 30.0
    sweep_most: int = 500
    """How many go in one sweep at most."""


class EventStrategy(Strategy[Event]):
    """New events are refused where too many wait to be swept away."""

    def __init__(self, settings: EventSettings) -> None:
        super().__init__(EVENT)
        self._most = settings.capacity * 5 // 4

    def prepare_create(self, message: Event, draft: Draft) -> None:
        """Refuse the event where there are too many."""
        if len(draft.state) >= self._most:
            raise TooManyRequests("there are too many events; try again later")


def record(draft: Draft, home: Home, event: Event, owners: Owners) -> None:
    """Put an event into a draft, in the place of the one that has its name, if any; raises what forbids it."""
    meta = event.metadata
    if draft.state.get(Key(EVENT.name, meta.namespace, meta.name)) is None:
        added = Event()
        added.CopyFrom(event)
        add(draft, home, added, owners)
    else:
        decide_update(draft, home.strategy, event, owners)


class EventSweeper:
    """Deletes the events that are too old or too many, at the replica that leads."""

    def __init__(self, writer: Writer, clock: Clock, settings: EventSettings) -> None:
        self._writer = writer
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await self._clock.sleep(self._settings.sweep_seconds)
            if self._writer.replica.is_leader:
                try:
                    await self.sweep()
                except FleetError:
                    continue  # Another write came first or the leadership went: there is a next time.

    async def sweep(self) -> int:
        """Delete up to `sweep_most` events that are due; return how many went."""

        def decide(draft: Draft) -> int:
            due = list(due_events(draft.state, draft.now, self._settings))
            for entry in due:
                draft.remove(entry)
            return len(due)

        written = await self._writer.write(WriteOptions(), decide)
        return written.decided or 0


def due_events(state: State, now: float, settings: EventSettings) -> Iterator[Entry]:
    """Yield the events to delete, those that changed longest ago first, at most `sweep_most`."""
    excess = len(state) - settings.capacity
    # By version: only events that are due are decoded, and the first that is not.
    oldest = heapq.nsmallest(settings.sweep_most, state.list(EVENT.name), key=lambda entry: entry.version)
    for index, entry in enumerate(oldest):
        if index >= excess and now - last_seen(entry.message) < settings.seconds:
            return
        yield entry


def last_seen(event: Event) -> float:
    """Return when an event last occurred, in seconds since the Unix epoch."""
    times = (
        seconds(event.last_timestamp),
        seconds(event.event_time),
        seconds(event.series.last_observed_time),
        seconds(event.metadata.creation_timestamp),
    )
    return max(times)
