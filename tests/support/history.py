"""Concurrent clients of a few ConfigMaps, and the record of what they asked, what they were answered, and when.

What a client was not told counts as unknown: it may have happened then, later, or never. Whether the record is right
is for `support.linearizability` to say; `check` does, for each object by itself.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.client.fleet import Fleet
from statefleet.errors import AlreadyExists, Conflict, Expired, NotFound, NotLeader, Timeout, Unavailable
from statefleet.objects.kinds import CONFIG_MAP
from support.config_map_model import ABSENT, CONFLICT, NOTHING_YET, Action, Create, Delete, Read, Update, rank, step
from support.linearizability import UNKNOWN, Operation, Verdict, linearize

NAMESPACE = "default"
_UNTOLD = (NotLeader, Unavailable, Timeout, Expired)
"""Answers after which a write may have taken effect: on an earlier attempt, or yet to come."""


@dataclass
class History:
    """What was done to each object, by its name."""

    operations: dict[str, list[Operation[Action]]] = field(default_factory=dict)

    def add(self, name: str, begin: float, end: float, action: Action) -> None:
        self.operations.setdefault(name, []).append(Operation(begin, end, action))

    @property
    def acknowledged(self) -> Iterator[tuple[str, Operation[Action]]]:
        """The writes that a client was told have happened, each with the name of its object."""
        for name, operations in self.operations.items():
            for operation in operations:
                action = operation.action
                if operation.end != UNKNOWN and not isinstance(action, Read) and not action.refused:
                    yield name, operation

    @property
    def unknown(self) -> int:
        """How many writes have an unknown outcome."""
        return sum(operation.end == UNKNOWN for each in self.operations.values() for operation in each)

    def longest_pause(self) -> float:
        """Return the longest time, in seconds, in which no write was acknowledged."""
        ends = sorted(operation.end for _, operation in self.acknowledged)
        return max((later - earlier for earlier, later in pairwise(ends)), default=0.0)

    def check(self, *, seconds: float = 60.0) -> None:
        """Fail where an object's history is not linearizable, or where that cannot be decided in so many seconds."""
        for name, operations in self.operations.items():
            finding = linearize(operations, step, NOTHING_YET, rank=rank, seconds=seconds)
            assert finding.verdict is Verdict.LINEARIZABLE, f"{name}: {finding}"


class Client:
    """One who reads and writes the objects in turn, one call at a time, until told to stop.

    Each gets a Fleet of its own where replicas are to be tried apart. `timeout` is how long a call may take, in
    seconds, before its outcome counts as unknown. The objects must be absent when the first client begins.
    """

    def __init__(
        self, fleet: Fleet, history: History, name: str, objects: Sequence[str], *, timeout: float = 5.0
    ) -> None:
        self._fleet = fleet
        self._history = history
        self._name = name
        self._objects = objects
        self._timeout = timeout
        self._random = random.Random(name)
        self._seen: dict[str, int] = {}
        self._written = 0
        self.stopping = False

    async def run(self, pause: float = 0.0) -> None:
        """Go on until `stopping`, with about `pause` seconds between calls."""
        while not self.stopping:
            await self.once()
            await asyncio.sleep(self._random.uniform(0, 2 * pause))

    async def once(self) -> None:
        """Do one thing to one object."""
        name = self._random.choice(self._objects)
        [choice] = self._random.choices(
            (self.read, self.update, self.update_seen, self.create, self.delete), (8, 3, 4, 2, 1)
        )
        await choice(name)

    async def read(self, name: str) -> None:
        begin = time.monotonic()
        try:
            message = await self._fleet.get(CONFIG_MAP, name, NAMESPACE, timeout=self._timeout)
        except NotFound:
            self._history.add(name, begin, time.monotonic(), Read(None))
        except _UNTOLD:
            return  # a read that was not answered says nothing
        else:
            end, version = time.monotonic(), int(message.metadata.resource_version)
            self._seen[name] = version
            self._history.add(name, begin, end, Read(message.data["value"], version))

    async def create(self, name: str) -> None:
        begin, message = time.monotonic(), self._message(name)
        value = message.data["value"]
        try:
            made = (await self._fleet.create(message, timeout=self._timeout)).object
        except AlreadyExists:
            self._history.add(name, begin, time.monotonic(), Create(value, refused=True))
        except _UNTOLD:
            self._history.add(name, begin, UNKNOWN, Create(value))
        else:
            self._history.add(name, begin, time.monotonic(), Create(value, self._version(name, made, value)))

    async def update(self, name: str, at: int = 0) -> None:
        begin, message = time.monotonic(), self._message(name)
        value = message.data["value"]
        if at:
            message.metadata.resource_version = str(at)
        try:
            made = (await self._fleet.update(message, timeout=self._timeout)).object
        except Conflict:
            self._history.add(name, begin, time.monotonic(), Update(value, at, refused=CONFLICT))
        except NotFound:
            self._history.add(name, begin, time.monotonic(), Update(value, at, refused=ABSENT))
        except _UNTOLD:
            self._history.add(name, begin, UNKNOWN, Update(value, at))
        else:
            self._history.add(name, begin, time.monotonic(), Update(value, at, self._version(name, made, value)))

    async def update_seen(self, name: str) -> None:
        """Update at the version last seen, which others may have moved on from."""
        await self.update(name, self._seen.get(name, 0))

    async def delete(self, name: str) -> None:
        begin = time.monotonic()
        try:
            response = await self._fleet.delete(CONFIG_MAP, name, NAMESPACE, timeout=self._timeout)
        except NotFound:
            self._history.add(name, begin, time.monotonic(), Delete(refused=True))
        except _UNTOLD:
            self._history.add(name, begin, UNKNOWN, Delete())
        else:
            self._history.add(name, begin, time.monotonic(), Delete(int(response.resource_version)))

    def _message(self, name: str) -> ConfigMap:
        """Return an object with a value that nobody else ever writes."""
        self._written += 1
        message = ConfigMap()
        message.metadata.name, message.metadata.namespace = name, NAMESPACE
        message.data["value"] = f"{self._name}-{self._written}"
        return message

    def _version(self, name: str, message: ConfigMap, value: str) -> int:
        """Return the version that a write made; 0 where a repeated call was answered with what came after it."""
        if message.data["value"] != value:
            return 0
        version = self._seen[name] = int(message.metadata.resource_version)
        return version
