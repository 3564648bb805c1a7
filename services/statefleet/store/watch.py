"""Deliver changes to watchers, each in its own order and at its own pace.

A watcher gets what changed after a version, in order, each change once, none left out, the changes of one transaction
together; it can resume from any version that the history remembers; and all up to the version of a batch was
delivered with it or before it. A watcher that does not keep up is expired: it never slows the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, Self, TypeVar

from statefleet.errors import Expired, Unavailable
from statefleet.store.entries import Changed, Entry
from statefleet.store.history import Batch, History
from statefleet.store.state import State

T = TypeVar("T")

Want = Callable[[Changed], T | None]
"""Turns a change into what a watcher gets; None: nothing. It must not depend on anything but the change."""
Places = Callable[[Entry], str]
"""Names the place an object is at, such as the node of a pod; empty: none."""

CAPACITY = 8192
"""How many events may wait for a watcher before it is expired."""


class Delivery(NamedTuple, Generic[T]):
    """What a watcher gets: some whole transactions, oldest first."""

    version: int
    """All changes up to this version have now been delivered, whether they were wanted or not."""
    events: list[T]
    initial: bool = False
    """Whether it holds the objects there were when the watch began, each as a change from nothing."""


class Watcher(Generic[T]):
    """One subscription: an async iterator of deliveries. Close it, or use it as a context manager.

    An iteration raises Expired where the watcher was too slow or what it has yet to see was forgotten, Unavailable
    where the store has stopped.
    """

    def __init__(self, hub: Hub, kinds: frozenset[str], want: Want[T], place: str, capacity: int) -> None:
        self.kinds = kinds
        self.place = place
        self._hub = hub
        self._want = want
        self._capacity = capacity
        self._pending: Delivery[T] | None = None
        self._initial: Delivery[T] | None = None
        self._ended: Expired | Unavailable | None = None
        self._woken: asyncio.Future[None] | None = None
        self.delivered = 0
        """The version of the newest delivery taken."""

    def __aiter__(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __anext__(self) -> Delivery[T]:
        while (delivery := self.take()) is None:
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken
        return delivery

    def take(self) -> Delivery[T] | None:
        """Return all that waits to be delivered without waiting; None: nothing. Expired, Unavailable."""
        if self._initial is not None:
            delivery, self._initial = self._initial, None
        elif self._pending is not None:
            delivery, self._pending = self._pending, None
        elif self._ended is not None:
            raise self._ended
        else:
            return None
        self.delivered = delivery.version
        return delivery

    @property
    def progress(self) -> int:
        """The version up to which this watcher has been delivered all: the newest one when nothing waits."""
        if self._initial is None and self._pending is None and self._ended is None:
            return self._hub.version
        return self.delivered

    def close(self) -> None:
        """End the subscription."""
        self._hub.drop(self)
        self.end(Unavailable("the watch is closed"))

    def begin(self, delivery: Delivery[T]) -> None:
        """Set what is delivered first."""
        self._initial = delivery

    def offer(self, version: int, changes: Iterable[Changed]) -> None:
        """Queue those of some changes that are wanted."""
        want, kinds = self._want, self.kinds
        events = [event for c in changes if c.key.kind in kinds and (event := want(c)) is not None]
        if events:
            self._queue(version, events)

    def note(self, version: int) -> None:
        """Queue a delivery without events, where none waits: it tells how far the watcher has come."""
        if self._pending is None and self._initial is None and self._ended is None:
            self._queue(version, [])

    def end(self, why: Expired | Unavailable) -> None:
        """Deliver nothing more, what still waits neither, and raise `why` to the one who iterates."""
        self._pending = self._initial = None
        self._ended = why
        self._wake()

    def _queue(self, version: int, events: list[T]) -> None:
        pending = self._pending
        if pending is None:
            self._pending = Delivery(version, events)
            if self._woken is not None:
                # Who wrote this is answered first: those who wait for a write are fewer than those who watch.
                self._woken.get_loop().call_soon(self._wake)
        elif len(pending.events) + len(events) > self._capacity:
            self._hub.drop(self)
            self.end(Expired(f"the watch fell behind: {self.delivered} ({version})"))
        else:
            pending.events.extend(events)
            self._pending = pending._replace(version=version)

    def _wake(self) -> None:
        woken, self._woken = self._woken, None
        if woken is not None and not woken.done():
            woken.set_result(None)


_Group = dict[Watcher[Any], None]
"""Some watchers, in the order they came."""


class Hub:
    """Hands each transaction's changes to the watchers of their kinds.

    `places` names for a kind where its objects are: a watcher of one place is not asked about changes elsewhere.
    """

    def __init__(self, state: State, history: History, places: Mapping[str, Places] | None = None) -> None:
        self._state = state
        self._history = history
        self._places = dict(places or {})
        self._everywhere: dict[tuple[str, str], _Group] = {}
        self._at: dict[tuple[str, str], _Group] = {}
        self._watchers: _Group = {}

    def __len__(self) -> int:
        return len(self._watchers)

    @property
    def version(self) -> int:
        """The version up to which changes have been handed out."""
        return self._state.version

    def subscribe(
        self,
        kinds: Iterable[str],
        after: int | None,
        want: Want[T],
        *,
        place: str = "",
        capacity: int = CAPACITY,
    ) -> Watcher[T]:
        """Watch kinds for changes after a version. Expired where that is no longer remembered.

        After None: the first delivery is `initial` and holds the objects there are now, by kind, namespace and name;
        it comes even where none is wanted. What follows it misses nothing and repeats nothing. `want` turns a change
        into an event or None. A `place` promises that `want` answers None for an object that is neither before nor
        after the change at that place, for kinds that have places.
        """
        watcher = Watcher(self, frozenset(kinds), want, place, capacity)
        if after is None:
            watcher.begin(self._present(watcher.kinds, want))
        else:
            watcher.delivered = after
            later = self._history.since(after)
            if later:
                events = [
                    e for b in later for c in b.changes if c.key.kind in watcher.kinds and (e := want(c)) is not None
                ]
                watcher.begin(Delivery(self._state.version, events))
        self._watchers[watcher] = None
        for index, where in self._places_in_index(watcher):
            index.setdefault(where, {})[watcher] = None
        return watcher

    def publish(self, batch: Batch) -> None:
        """Hand a transaction's changes to those who watch."""
        changes = batch.changes
        if len(changes) == 1:
            concerned = self._concerned(changes[0])
        else:
            concerned = list(dict.fromkeys(watcher for changed in changes for watcher in self._concerned(changed)))
        for watcher in concerned:
            watcher.offer(batch.version, changes)

    def note_progress(self) -> None:
        """Tell each watcher for which nothing waits how far it has come."""
        for watcher in self._watchers:
            watcher.note(self._state.version)

    def drop(self, watcher: Watcher[Any]) -> None:
        """Forget a watcher. Repeating it is harmless."""
        if watcher not in self._watchers:
            return
        del self._watchers[watcher]
        for index, where in self._places_in_index(watcher):
            group = index[where]
            del group[watcher]
            if not group:
                del index[where]

    def end_all(self, why: Expired | Unavailable) -> None:
        """End every watch."""
        for watcher in list(self._watchers):
            self.drop(watcher)
            watcher.end(why)

    def _present(self, kinds: Iterable[str], want: Want[T]) -> Delivery[T]:
        entries = (entry for kind in sorted(kinds) for entry in self._state.list(kind))
        found = (want(Changed(entry.key, entry.version, None, entry)) for entry in entries)
        return Delivery(self._state.version, [event for event in found if event is not None], initial=True)

    def _places_in_index(self, watcher: Watcher[Any]) -> list[tuple[dict[tuple[str, str], _Group], tuple[str, str]]]:
        return [
            (self._at, (kind, watcher.place))
            if watcher.place and kind in self._places
            else (self._everywhere, (kind, ""))
            for kind in sorted(watcher.kinds)
        ]

    def _concerned(self, changed: Changed) -> list[Watcher[Any]]:
        kind = changed.key.kind
        concerned = list(self._everywhere.get((kind, ""), ()))
        place_of = self._places.get(kind)
        if place_of is not None and self._at:
            places = {place_of(entry): None for entry in (changed.before, changed.after) if entry is not None}
            concerned.extend(watcher for place in places for watcher in self._at.get((kind, place), ()))
        return concerned
