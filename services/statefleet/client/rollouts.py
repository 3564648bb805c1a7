"""The typed client of rollouts, for programs on an event loop; `blocking.BlockingRollouts` is for the others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, cast

import grpc.aio
from google.protobuf.duration_pb2 import Duration

from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.api.rollouts.v1.rollouts_pb2 import (
    PodProgress,
    Progress,
    RestartRequest,
    RestartResponse,
    SetPartitionRequest,
    SetPartitionResponse,
    StatusRequest,
    Target,
    UndoRequest,
    UndoResponse,
    WaitRequest,
    WatchRequest,
)
from statefleet.api.rollouts.v1.rollouts_pb2_grpc import RolloutsStub
from statefleet.client.calling import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, ServiceCaller
from statefleet.client.verbs import TIMEOUT_SECONDS
from statefleet.errors import NotLeader, Unavailable
from statefleet.objects.kinds import DAEMON_SET, STATEFUL_SET
from statefleet.runtime.clock import Clock, SystemClock
from statefleet.runtime.rand import Rand, SystemRand

__all__ = ["PodProgress", "Progress", "Rollouts", "Target", "daemon_set", "stateful_set"]

WAIT_SECONDS = 600.0
"""How long a rollout is waited for where the caller does not say."""

PATIENCE_SECONDS = 10.0
"""How long a rollout may be stuck where the caller does not say."""

_ANSWER_SECONDS = 5.0
"""How long after the end of a wait its answer may come."""


def stateful_set(name: str, namespace: str = "default") -> Target:
    """Name a StatefulSet."""
    return Target(kind=STATEFUL_SET.name, namespace=namespace, name=name)


def daemon_set(name: str, namespace: str = "default") -> Target:
    """Name a DaemonSet."""
    return Target(kind=DAEMON_SET.name, namespace=namespace, name=name)


class Rollouts:
    """Shows and steers the rollouts of sets. Errors are those of `statefleet.errors`; timeouts are in seconds.

    A write that could not be answered is repeated under one request identifier, and so takes effect once.
    """

    def __init__(
        self,
        channels: grpc.aio.Channel | Sequence[grpc.aio.Channel],
        *,
        field_manager: str = "",
        clock: Clock | None = None,
        rand: Rand | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._clock = SystemClock() if clock is None else clock
        self._rand = SystemRand() if rand is None else rand
        self._field_manager = field_manager
        self._channels = channels if isinstance(channels, Sequence) else (channels,)
        stubs = [RolloutsStub(channel) for channel in self._channels]
        self._caller = ServiceCaller(stubs, clock=self._clock, rand=self._rand, timeout=timeout)

    async def close(self) -> None:
        """Close the channels, which ends the calls under way."""
        for channel in self._channels:
            await channel.close()

    # Observing.

    async def status(self, target: Target, *, timeout: float | None = None) -> Progress:
        """Return how far a rollout is. NotFound where there is no such set."""
        response = await self._caller.unary("Status", StatusRequest(target=target), timeout)
        return cast("Progress", response.progress)

    async def watch(self, target: Target) -> AsyncGenerator[Progress, None]:
        """Yield how far a rollout is, now and whenever that has changed; a broken connection is taken up again.

        Ends with NotFound once the set is gone, or when the generator is closed.
        """
        last: Progress | None = None
        failures = 0
        while True:
            try:
                async with aclosing(self._caller.streamed("Watch", WatchRequest(target=target))) as responses:
                    async for response in responses:
                        failures = 0
                        if response.progress != last:
                            last = response.progress
                            yield response.progress
            except (Unavailable, NotLeader):
                failures += 1
            ceiling = min(FIRST_PAUSE_SECONDS * 2 ** min(failures, 16), LONGEST_PAUSE_SECONDS)
            await self._clock.sleep(self._rand.uniform(ceiling / 2, ceiling))

    async def wait(
        self, target: Target, *, timeout: float = WAIT_SECONDS, patience: float = PATIENCE_SECONDS
    ) -> Progress:
        """Return when a rollout is done, or has failed: `state` says which, `reason`, `message` and `pod` say why.

        It has failed when it was stuck on a pod for `patience`, or is not done after `timeout`. A change that comes
        meanwhile is waited for, too. NotFound where the set is gone.
        """
        request = WaitRequest(target=target, timeout=_duration(timeout), patience=_duration(patience))
        response = await self._caller.unary("Wait", request, timeout + _ANSWER_SECONDS)
        return cast("Progress", response.progress)

    # Changing.

    async def undo(
        self,
        target: Target,
        to_revision: int = 0,
        *,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> UndoResponse:
        """Go back to a revision by its number, 0 for the one before the newest. NotFound where there is none."""
        options = self._options(dry_run, field_manager, request_id)
        request = UndoRequest(target=target, to_revision=to_revision, options=options)
        return cast("UndoResponse", await self._caller.unary("Undo", request, timeout))

    async def restart(
        self,
        target: Target,
        *,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> RestartResponse:
        """Replace every pod by a new one of the same template, by the rules of an update."""
        request = RestartRequest(target=target, options=self._options(dry_run, field_manager, request_id))
        return cast("RestartResponse", await self._caller.unary("Restart", request, timeout))

    async def set_partition(
        self,
        target: Target,
        partition: int,
        *,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> SetPartitionResponse:
        """Let updates of a StatefulSet reach the pods from an ordinal on: 0 is all of them. Invalid below 0."""
        options = self._options(dry_run, field_manager, request_id)
        request = SetPartitionRequest(target=target, partition=partition, options=options)
        return cast("SetPartitionResponse", await self._caller.unary("SetPartition", request, timeout))

    def _options(self, dry_run: bool, field_manager: str, request_id: str) -> WriteOptions:
        return WriteOptions(
            request_id=request_id or self._rand.uuid(),
            field_manager=field_manager or self._field_manager,
            dry_run=dry_run,
        )


def _duration(seconds: float) -> Duration:
    duration: Any = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return cast("Duration", duration)
