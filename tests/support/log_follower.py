"""Follow a store's log from its first record on: what truly happened, whoever says what of it."""

from __future__ import annotations

import asyncio

from statefleet.api.log.v1.log_pb2 import Record
from statefleet.store.entries import Changed
from statefleet.store.log import Log
from statefleet.store.state import State
from statefleet.store.waterline import Waterline

PATIENCE_SECONDS = 60.0


class LogFollower:
    """Applies every record until cancelled; keeps the changes of each that made any."""

    def __init__(self, log: Log) -> None:
        self.state = State()
        self.truth: list[list[Changed]] = []
        self.leader = ""
        """The member that began the present epoch."""
        self.stale = 0
        """How many records came from a leader that was one no more."""
        self._log = log
        self._offsets = Waterline()
        self._epochs = Waterline()
        self._levels = Waterline()

    async def run(self) -> None:
        async for batch in self._log.read(0):
            for _, payload in batch:
                self._apply(Record.FromString(payload))
            self._offsets.rise(batch[-1].offset + 1)
            self._epochs.rise(self.state.epoch)
            self._levels.rise(self.state.feature_level)

    async def catch_up(self) -> None:
        """Return when all that is in the log by now is applied."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._offsets.reach(await self._log.end())

    async def until_level(self, level: int) -> None:
        """Return once the log follows the rules of a feature level."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._levels.reach(level)

    async def until_epoch(self, epoch: int) -> None:
        """Return once an epoch has begun."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._epochs.reach(epoch)

    def _apply(self, record: Record) -> None:
        epoch = self.state.epoch
        outcome = self.state.apply(record)
        if outcome.changes:
            self.truth.append(list(outcome.changes))
        elif self.state.epoch != epoch:
            self.leader = record.epoch_claim.replica
        elif record.epoch < epoch:
            self.stale += 1
