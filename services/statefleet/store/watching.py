"""Answer Watch from a replica's changes, with the six guarantees that the request's documentation names."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import NamedTuple

from statefleet.api.object.v1.verbs_pb2 import WatchEvent, WatchRequest, WatchResponse
from statefleet.errors import BadRequest, Expired
from statefleet.objects.kinds import KINDS
from statefleet.store.entries import Changed, Entry
from statefleet.store.history import History
from statefleet.store.reading import parse_version, reach
from statefleet.store.replica import Replica
from statefleet.store.selection import Selection
from statefleet.store.splice import watch_response
from statefleet.store.watch import Delivery

_MESSAGE_EVENTS = 500
_MESSAGE_BYTES = 1024 * 1024
"""From what size on events that came together are sent in several messages."""


class Event(NamedTuple):
    """What a watcher is told of one change: cheap to hold until it is sent."""

    type: WatchEvent.Type.ValueType
    entry: Entry


class Wanted:
    """Turns changes into the events that a watcher's selections make of them."""

    def __init__(self, selections: Mapping[str, Selection]) -> None:
        self._selections = selections

    def __call__(self, changed: Changed) -> Event | None:
        """Return the event; None where the object was not and is not selected."""
        before, after = changed.before, changed.after
        selection = self._selections[changed.key.kind]
        was = before is not None and selection.selects(before)
        if after is not None and selection.selects(after):
            return Event(WatchEvent.TYPE_MODIFIED if was else WatchEvent.TYPE_ADDED, after)
        if not was:
            return None
        # What ceases to match is shown as it is now, what is gone as it last was.
        return Event(WatchEvent.TYPE_DELETED, changed.last)

    @property
    def place(self) -> str:
        """The node whose pods alone are selected, where the watch is for pods of one node; else empty."""
        nodes = {_node(selection) for selection in self._selections.values()}
        return nodes.pop() if len(nodes) == 1 else ""


async def watch(replica: Replica, request: WatchRequest) -> AsyncIterator[WatchResponse]:
    """Yield messages until the caller leaves or the version asked for is forgotten.

    Raises BadRequest, Timeout where the version is ahead of the replica for too long, and Unavailable at its end.
    """
    wanted = _wanted(request)
    version = parse_version(request.resource_version)
    after = None if request.send_initial_events or not version else version
    await reach(replica, request.resource_version)
    try:
        with replica.hub.subscribe(request.kinds, after, wanted, place=wanted.place) as watcher:
            async for delivery in watcher:
                for message in _in_messages(delivery, replica.history):
                    yield message
                if delivery.initial and request.send_initial_events:
                    yield _bookmark(delivery.version, initial_events_end=True)
                elif not delivery.events and request.allow_bookmarks:
                    yield _bookmark(delivery.version)
    except Expired:
        yield WatchResponse(events=[WatchEvent(type=WatchEvent.TYPE_EXPIRED)])


def _bookmark(version: int, *, initial_events_end: bool = False) -> WatchResponse:
    text = str(version)
    event = WatchEvent(type=WatchEvent.TYPE_BOOKMARK, resource_version=text, initial_events_end=initial_events_end)
    return WatchResponse(events=[event], resource_version=text)


def _in_messages(delivery: Delivery[Event], history: History) -> Iterator[WatchResponse]:
    """Cut a delivery into messages; each but those of the initial events says to which version it is complete."""
    events = delivery.events
    start = 0
    for end in _cuts(delivery, history):
        response = watch_response(events[start:end])
        if end == len(events):
            response.resource_version = str(delivery.version)
        elif not delivery.initial:
            response.resource_version = str(events[end - 1].entry.version)
        yield response
        start = end


def _cuts(delivery: Delivery[Event], history: History) -> Iterator[int]:
    """Yield where messages end: never within a transaction, and seldom beyond the size that one should have."""
    events = delivery.events
    start = size = 0
    if len(events) > _MESSAGE_EVENTS or sum(len(event.entry.data) for event in events) > _MESSAGE_BYTES:
        last_of = None if delivery.initial else _ends(events, history)
        for index, event in enumerate(events[:-1]):
            size += len(event.entry.data)
            full = index + 1 - start >= _MESSAGE_EVENTS or size > _MESSAGE_BYTES
            if full and (last_of is None or index in last_of):
                start, size = index + 1, 0
                yield start
    yield len(events)


def _ends(events: Sequence[Event], history: History) -> set[int]:
    """Return the indices of the events that are the last ones of their transaction."""
    versions = [batch.version for batch in history.since(events[0].entry.version - 1)]
    transactions = [bisect_left(versions, event.entry.version) for event in events]
    return {index for index in range(len(events) - 1) if transactions[index] != transactions[index + 1]}


def _wanted(request: WatchRequest) -> Wanted:
    if not request.kinds:
        raise BadRequest("kinds: Required value: name the kinds to watch")
    return Wanted(
        {
            kind: Selection.parse(KINDS[kind], request.namespace, request.label_selector, request.field_selector)
            for kind in request.kinds
        }
    )


def _node(selection: Selection) -> str:
    fields = selection.fields
    return (fields.exact("spec.nodeName") or "") if fields is not None and selection.kind.name == "Pod" else ""
