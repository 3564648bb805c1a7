"""Write what a look decided, each write under the shard's fence and remembered for the barrier after the look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions, Preconditions
from statefleet.api.object.v1.verbs_pb2 import Binding, Fence, Slot
from statefleet.client.fleet import Fleet
from statefleet.errors import Fenced, FleetError, Internal, NotLeader, Timeout, Unavailable
from statefleet.objects.kinds import kind_of
from statefleet.objects.meta import version_of
from statefleet.reconcile.statuses import StatusWriter

M = TypeVar("M", bound=Message)
T = TypeVar("T")

UNKNOWN_OUTCOME = (Unavailable, NotLeader, Timeout, Internal)
"""Errors after which a write may have taken effect, or still may."""
LARGEST_BATCH = 500
_FAILED_BATCHES = 16
"""A slow start that had so many batches of nothing but failures stops."""


class Executor:
    """The writes of one look at one key.

    Every write raises the FleetErrors of the service. Reads that must not come from the cache go to `fleet` itself.
    """

    def __init__(
        self,
        fleet: Fleet,
        fences: Mapping[int, Fence],
        statuses: StatusWriter,
        again: Callable[[], object] = lambda: None,
    ) -> None:
        self.fleet = fleet
        self.written: dict[int, int] = {}
        """The highest version written, by service."""
        self.unknown = False
        """Whether some write's outcome is not known: it may still take effect."""
        self._fences = fences
        self._statuses = statuses
        self._again = again

    async def create(self, message: M, *, slot: Slot | None = None, binding: Binding | None = None) -> M:
        """Add an object, in a slot where one is named, a pod with the node chosen for it. Return it as stored."""
        answer = await self.perform(
            kind_of(message).service,
            lambda fence: self.fleet.create(message, slot=slot, binding=binding, fence=fence),
            _version_written,
        )
        stored: M = answer.object
        return stored

    async def update(self, message: M) -> M:
        """Replace an object; with a resource version in it, only that version. Return it as stored."""
        answer = await self.perform(
            kind_of(message).service, lambda fence: self.fleet.update(message, fence=fence), _version_written
        )
        stored: M = answer.object
        return stored

    async def update_status(self, message: M) -> M:
        """Replace an object's status and wait for it; see `put_status` for one that nobody waits for."""
        answer = await self.perform(
            kind_of(message).service, lambda fence: self.fleet.update_status(message, fence=fence), _version_written
        )
        stored: M = answer.object
        return stored

    async def delete(
        self,
        message: Any,
        *,
        unchanged: bool = False,
        grace_period_seconds: int | None = None,
        propagation: str | None = None,
    ) -> None:
        """Delete an object that the cache showed: only that one (its uid), and where `unchanged` only as shown."""
        meta = message.metadata
        options = DeleteOptions(
            preconditions=Preconditions(uid=meta.uid, resource_version=meta.resource_version if unchanged else None),
            grace_period_seconds=grace_period_seconds,
            propagation_policy=propagation,
        )
        kind = kind_of(message)
        await self.perform(
            kind.service,
            lambda fence: self.fleet.delete(kind, meta.name, meta.namespace, options=options, fence=fence),
            _version_deleted,
        )

    def put_status(self, message: Any, *, urgent: bool = False) -> None:
        """Have an object's status written in the background; see StatusWriter.put."""
        self._statuses.put(message, self._fences, urgent=urgent, dropped=self._again)

    def newest_status(self, message: M) -> M | None:
        """Return the object with the status put last, where the cache does not show it yet."""
        return self._statuses.newest(message)

    async def perform(
        self,
        service: int,
        write: Callable[[Fence | None], Awaitable[T]],
        version: Callable[[T], int] = lambda _: 0,
    ) -> T:
        """Do any other write: `write` gets the fence to send, `version` tells the version written from the answer."""
        fence = self._fences.get(service)
        try:
            answer = await write(fence)
        except UNKNOWN_OUTCOME:
            self.unknown = True
            raise
        except Fenced as error:
            if fence is not None and self._fences.get(service) != fence:
                # The claim was renewed while the write was under way: not lost, only too late.
                raise Unavailable(error.message, error.subject) from error
            raise
        self.wrote(service, version(answer))
        return answer

    def wrote(self, service: int, version: int) -> None:
        """Remember that a version was written: the key is not looked at again before the cache shows it."""
        if version > self.written.get(service, 0):
            self.written[service] = version


async def in_order(jobs: Iterable[Callable[[], Awaitable[object]]]) -> list[FleetError]:
    """Do jobs one after the other until one fails, and return what failed. Fenced is raised at once."""
    for job in jobs:
        error = await _outcome(job)
        if error is not None:
            return [error]
    return []


async def slow_start(
    jobs: Sequence[Callable[[], Awaitable[object]]], largest: int = LARGEST_BATCH
) -> list[FleetError]:
    """Do jobs at once in batches of 1, 2, 4 … `largest`, and return what failed.

    After a failure the batches begin at 1 again: where one job cannot succeed the others still get done, and where
    none can, little is tried. Fenced is raised at once.
    """
    failed: list[FleetError] = []
    at, size, lost = 0, 1, 0
    while at < len(jobs) and lost < _FAILED_BATCHES:
        batch = jobs[at : at + size]
        at += len(batch)
        outcomes = await asyncio.gather(*map(_outcome, batch)) if len(batch) > 1 else [await _outcome(batch[0])]
        errors = [error for error in outcomes if error is not None]
        failed += errors
        lost += len(errors) == len(batch)
        size = 1 if errors else min(2 * size, largest)
    return failed


async def _outcome(job: Callable[[], Awaitable[object]]) -> FleetError | None:
    try:
        await job()
    except Fenced:
        raise
    except FleetError as error:
        return error
    return None


def _version_written(answer: Any) -> int:
    return version_of(answer.object.metadata)


def _version_deleted(answer: Any) -> int:
    return int(answer.resource_version or 0)
