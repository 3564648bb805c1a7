"""Claim a controller's shards: a worker writes only under the newest claim and plans only from what came after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from statefleet.api.object.v1.verbs_pb2 import Fence
from statefleet.client.fleet import Fleet
from statefleet.errors import FleetError
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.keys import Key, shard_name, shard_of
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks

_RETRY_SECONDS = (0.05, 0.2, 1.0, 5.0)
RECLAIM_SECONDS = 5.0
"""How long to leave a shard alone that another worker claimed while, by the membership, it is ours."""

_log = structlog.get_logger(__name__)


class Shard:
    """One shard and our claims to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fences: dict[int, Fence] = {}
        """Our newest claim in each service, to be sent with every write."""
        self.is_open = False
        """Whether the cache has reached the claims, so that keys may be worked on."""
        self.parked: set[Key] = set()
        """Keys that came while it was not open."""
        self.claiming: asyncio.Task[None] | None = None


class Shards:
    """A controller's shards, of which those that `owns` names are ours."""

    def __init__(
        self,
        controller: str,
        count: int,
        services: tuple[int, ...],
        *,
        fleet: Fleet,
        cache: Cache,
        clock: Clock,
        tasks: Tasks,
        holder: str,
        owns: Callable[[str], bool],
        release: Callable[[Key], object],
    ) -> None:
        self.all = tuple(Shard(shard_name(controller, index)) for index in range(count))
        self._services = services
        self._fleet = fleet
        self._cache = cache
        self._clock = clock
        self._tasks = tasks
        self._holder = holder
        self._owns = owns
        self._release = release

    def of(self, key: Key) -> Shard:
        """Return the shard that a key belongs to."""
        return self.all[shard_of(key, len(self.all))]

    def align(self) -> None:
        """Begin to claim the shards that have become ours, and close those that have ceased to be."""
        for shard in self.all:
            if not self._owns(shard.name):
                self.close(shard)
            elif not shard.is_open and shard.claiming is None:
                self.claim(shard)

    def claim(self, shard: Shard, delay: float = 0.0) -> None:
        """Claim a shard anew, after a delay in seconds, and open it when the cache has reached the claims.

        Writes under an older claim that are still under way will not take effect after that.
        """
        self.close(shard)
        shard.claiming = self._tasks.spawn(self._claim(shard, delay), f"claim-{shard.name}")

    def lost(self, shard: Shard) -> None:
        """Close a shard that another worker has claimed; claim it back later if it is still ours by then."""
        _log.warning("shard claimed by another worker", shard=shard.name)
        self.claim(shard, RECLAIM_SECONDS)

    def close(self, shard: Shard) -> None:
        """Stop working on a shard."""
        shard.is_open = False
        if shard.claiming is not None:
            shard.claiming.cancel()
            shard.claiming = None

    async def _claim(self, shard: Shard, delay: float) -> None:
        if delay:
            await self._clock.sleep(delay)
        if not self._owns(shard.name):
            shard.claiming = None
            return
        await asyncio.gather(*(self._claim_in(service, shard) for service in self._services))
        shard.claiming = None
        shard.is_open = True
        parked, shard.parked = shard.parked, set()
        for key in sorted(parked):
            self._release(key)

    async def _claim_in(self, service: int, shard: Shard) -> None:
        failures = 0
        while True:
            try:
                answer = await self._fleet.claim_shard(service, shard.name, self._holder)
                break
            except FleetError as error:
                _log.info("shard not claimed", shard=shard.name, service=service, error=error.message)
                await self._clock.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                failures += 1
        shard.fences[service] = answer.fence
        await self._cache.wait(service, int(answer.resource_version or 0))
