"""Answer watches: one line of JSON for each change, in the form that the client asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import orjson

from statefleet.api.object.v1.verbs_pb2 import WatchEvent
from statefleet.client.fleet import Fleet
from statefleet.errors import Expired, FleetError, NotLeader, Unavailable
from statefleet.gateway import status
from statefleet.gateway.answers import Call, Stream
from statefleet.gateway.media import Accepted, Form
from statefleet.gateway.presenting import Presenter
from statefleet.gateway.queries import ReadOptions, read_options
from statefleet.gateway.status import UnreadableVersionError
from statefleet.gateway.versions import ServedResource
from statefleet.objects.field_selectors import FieldSelector
from statefleet.objects.meta import INITIAL_EVENTS_END_ANNOTATION
from statefleet.objects.selectors import LabelSelector
from statefleet.runtime.rand import Rand

LIFETIME_SECONDS = (1800.0, 3600.0)
"""A watch that names no timeout ends at some time between these, so that clients spread over replicas again."""

_TYPES = {
    WatchEvent.TYPE_ADDED: b"ADDED",
    WatchEvent.TYPE_MODIFIED: b"MODIFIED",
    WatchEvent.TYPE_DELETED: b"DELETED",
    WatchEvent.TYPE_BOOKMARK: b"BOOKMARK",
}


class Watching:
    """The verb that follows changes."""

    def __init__(self, fleet: Fleet, presenter: Presenter, rand: Rand) -> None:
        self._fleet = fleet
        self._presenter = presenter
        self._rand = rand

    async def watch(self, call: Call) -> Stream:
        """Return the stream of changes. What is wrong with the request is raised before it begins."""
        target, options = call.target, read_options(call.query)
        if options.resource_version and not options.resource_version.isdecimal():
            raise UnreadableVersionError(options.resource_version)
        LabelSelector.parse(options.label_selector)
        FieldSelector.parse(target.kind, options.field_selector)
        version = await self._start(call, options)
        lines = EventLines(self._presenter, target.served, call.accepted, call.query)
        seconds = float(options.timeout_seconds) or self._rand.uniform(*LIFETIME_SECONDS)
        return Stream(self._chunks(call, options, version, lines), seconds=seconds)

    async def _start(self, call: Call, options: ReadOptions) -> str:
        """Return the version after which changes are sent; empty or 0 stands for the objects there are, then changes.

        A watch that wants no initial events and names no version starts now. Waits for a store that is down, as any
        call does, and raises Unavailable in the end: clients ask at once for a stream that ended, and again.
        """
        starts_now = options.send_initial_events is False and not options.resource_version
        at_hand = "" if starts_now else "0"
        listing = await self._fleet.list(call.target.kind, call.target.namespace, limit=1, resource_version=at_hand)
        return listing.resource_version if starts_now else options.resource_version

    async def _chunks(
        self, call: Call, options: ReadOptions, version: str, lines: EventLines
    ) -> AsyncGenerator[bytes, None]:
        responses = self._fleet.watch(
            [call.target.kind],
            namespace=call.target.namespace,
            label_selector=options.label_selector,
            field_selector=options.field_selector,
            resource_version=version,
            send_initial_events=bool(options.send_initial_events),
            allow_bookmarks=options.allow_bookmarks,
        )
        try:
            async with aclosing(responses):
                async for response in responses:
                    chunk = b"".join(
                        lines.line(event)
                        for event in response.events
                        if event.type != WatchEvent.TYPE_BOOKMARK or options.allow_bookmarks
                    )
                    if chunk:
                        yield chunk
        except (NotLeader, Unavailable):
            return  # A stream that just ends is taken up from its last version; after an error, anew.
        except FleetError as error:
            yield error_line(error)


class EventLines:
    """Turns events into lines. A table's columns stand on the first line only, so it belongs to one stream."""

    def __init__(
        self, presenter: Presenter, served: ServedResource, accepted: Accepted, query: Mapping[str, str]
    ) -> None:
        self._presenter = presenter
        self._served = served
        self._accepted = accepted
        self._query = query
        self._columns = True

    def line(self, event: WatchEvent) -> bytes:
        """Return the line of one event."""
        if event.type == WatchEvent.TYPE_EXPIRED:
            return error_line(Expired(f"too old resource version ({event.resource_version})"))
        is_bookmark = event.type == WatchEvent.TYPE_BOOKMARK
        message = self._bookmark(event) if is_bookmark else self._served.kind.unwrap(event.object)
        is_last = event.type == WatchEvent.TYPE_DELETED
        if is_last:
            message.metadata.resource_version = event.resource_version
        body = self._presenter.body(
            self._served,
            message,
            self._accepted,
            self._query,
            stored=not is_bookmark,
            last=is_last,
            columns=self._columns,
        )
        self._columns = self._columns and self._accepted.form is not Form.TABLE
        return b'{"type":"%b","object":%b}\n' % (_TYPES[event.type], body)

    def _bookmark(self, event: WatchEvent) -> Any:
        message = self._served.kind.message()
        message.metadata.resource_version = event.resource_version
        if event.initial_events_end:
            message.metadata.annotations[INITIAL_EVENTS_END_ANNOTATION] = "true"
        return message


def error_line(error: FleetError) -> bytes:
    """Return the line that ends a stream with an error."""
    return b'{"type":"ERROR","object":%b}\n' % orjson.dumps(status.failure(error))
