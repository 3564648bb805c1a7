"""Append records and answer each with the outcome that it had when it was read and applied."""

from __future__ import annotations

import asyncio

from statefleet.errors import Unavailable
from statefleet.store.entries import Outcome
from statefleet.store.log import Log
from statefleet.store.metrics import StoreMetrics

_EARLY_MOST = 10_000
"""How many outcomes are kept of records that were applied before their append returned."""


class Pipeline:
    """The records of this replica that are on their way to the log and back."""

    def __init__(self, log: Log, metrics: StoreMetrics) -> None:
        self._log = log
        self._metrics = metrics
        self._appending = 0
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._early: dict[int, Outcome] = {}
        self._next = 0
        self._stopped = False

    async def decide(self, payload: bytes) -> Outcome:
        """Append a serialised record and return its outcome.

        Unavailable where the outcome cannot be known. A caller that is cancelled withdraws nothing.
        """
        if self._stopped:
            raise _stopped()
        self._appending += 1
        try:
            with self._metrics.appending():
                offset = await self._log.append(payload)
        finally:
            self._appending -= 1
        outcome = self._early.pop(offset, None)
        if not self._appending:
            self._early.clear()
        if outcome is not None:
            return outcome
        if self._stopped:
            raise _stopped()
        if offset < self._next:
            raise _passed()
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[offset] = waiter
        try:
            return await waiter
        finally:
            self._waiting.pop(offset, None)

    def applied(self, offset: int, outcome: Outcome) -> None:
        """Note the outcome of the record at an offset, ours or another's."""
        self._next = offset + 1
        waiter = self._waiting.pop(offset, None)
        if waiter is not None:
            if not waiter.done():
                waiter.set_result(outcome)
        elif self._appending:
            self._early[offset] = outcome
            if len(self._early) > _EARLY_MOST:
                del self._early[next(iter(self._early))]

    def passed(self, next_offset: int) -> None:
        """Answer those who wait for a record below an offset: none of these is applied here any more."""
        self._next = next_offset
        for offset, waiter in self._waiting.items():
            if offset < next_offset and not waiter.done():
                waiter.set_exception(_passed())

    def stop(self) -> None:
        """Answer all who wait that their outcome is unknown, and take nothing more."""
        self._stopped = True
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting.values():
            if not waiter.done():
                waiter.set_exception(_stopped())


def _stopped() -> Unavailable:
    return Unavailable("the store has stopped")


def _passed() -> Unavailable:
    return Unavailable("what became of the record is no longer known here")
