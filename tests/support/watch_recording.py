"""One who watches through breaks and fresh starts, and keeps what it was told for `support.watch_guarantees`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from statefleet.api.object.v1.verbs_pb2 import WatchEvent, WatchResponse
from statefleet.client.fleet import Fleet
from statefleet.errors import Expired, NotLeader, Timeout, Unavailable
from statefleet.objects.kinds import CONFIG_MAP, held_kind
from statefleet.store.entries import Changed, Entry, Key
from statefleet.store.watch import Delivery
from support.watch_guarantees import GUARANTEES, Client, Connection, Truth


class WatchRecorder:
    """Watches the ConfigMaps of every namespace until cancelled; `pause` is how long it rests after a break."""

    def __init__(self, fleet: Fleet, *, pause: float = 0.1) -> None:
        self._fleet = fleet
        self._pause = pause
        self.clients: list[Client] = []
        self.told = 0
        """The newest version that all is known up to."""

    async def run(self) -> None:
        while True:
            client = Client(_is_config_map)
            self.clients.append(client)
            try:
                await self._go_on(client)
            except Expired:  # what is left of this one's view is whole; the next begins anew
                continue

    async def until(self, version: int, seconds: float = 30.0) -> None:
        """Wait until all up to a version was told."""
        async with asyncio.timeout(seconds):
            while self.told < version:
                await asyncio.sleep(0.01)

    def check(self, truth: Truth) -> int:
        """Fail where a guarantee is broken, or an object differs from what the log has; return how many were told."""
        after = {changed.version: changed for changes in truth for changed in changes}
        count = 0
        for client in self.clients:
            for guarantee in GUARANTEES:
                guarantee(client, truth)
            for connection in client.connections:
                for delivery in connection.deliveries:
                    for told in delivery.events:
                        count += 1
                        assert told.last.object == after[told.version].last.object
        return count

    async def _go_on(self, client: Client) -> None:
        while True:
            version = _last_told(client)
            connection = Connection(version)
            client.connections.append(connection)
            try:
                await self._watch(connection)
            except (Unavailable, NotLeader, Timeout):
                await asyncio.sleep(self._pause)

    async def _watch(self, connection: Connection) -> None:
        async with aclosing(self._open(connection.after)) as responses:
            if connection.after is None:
                connection.deliveries.append(await _initial(responses))
            async for response in responses:
                connection.deliveries.append(Delivery(int(response.resource_version), _changes(response)))
                self.told = max(self.told, int(response.resource_version))

    def _open(self, after: int | None) -> AsyncGenerator[WatchResponse, None]:
        if after is None:
            return self._fleet.watch([CONFIG_MAP], send_initial_events=True, allow_bookmarks=True)
        return self._fleet.watch([CONFIG_MAP], resource_version=str(after), allow_bookmarks=True)


def _is_config_map(changed: Changed) -> bool:
    return changed.key.kind == "ConfigMap"


def _last_told(client: Client) -> int | None:
    told = [delivery.version for connection in client.connections for delivery in connection.deliveries]
    return told[-1] if told else None


async def _initial(responses: AsyncGenerator[WatchResponse, None]) -> Delivery[Changed]:
    """Return the objects there were, once all have come, in the order of their keys."""
    events: list[Changed] = []
    async for response in responses:
        events += _changes(response)
        if any(event.initial_events_end for event in response.events):
            return Delivery(int(response.resource_version), sorted(events, key=lambda c: c.key), initial=True)
    raise Unavailable("the watch ended before all was told that there was")


def _changes(response: WatchResponse) -> list[Changed]:
    return [_changed(event) for event in response.events if event.type != WatchEvent.TYPE_BOOKMARK]


def _changed(event: WatchEvent) -> Changed:
    meta = held_kind(event.object).unwrap(event.object).metadata
    key = Key("ConfigMap", meta.namespace, meta.name)
    entry = Entry(key, int(event.resource_version), event.object.SerializeToString())
    gone = event.type == WatchEvent.TYPE_DELETED
    return Changed(key, entry.version, entry if gone else None, None if gone else entry)
