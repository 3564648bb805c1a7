"""Small builders for tests of the replicated store, and a clock that stands until it is moved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from statefleet.api.log.v1.log_pb2 import Change, EpochClaim, MarkCheck, Record, ShardClaim, Transaction
from statefleet.api.object.v1.object_pb2 import Object, ObjectKey
from statefleet.api.object.v1.verbs_pb2 import Fence, Slot
from statefleet.store.image import Image
from statefleet.store.snapshot import chunks
from statefleet.store.state import Key, Outcome, State

SECOND = 1_000_000_000


def pod_key(name: str, namespace: str = "default") -> Key:
    return Key("Pod", namespace, name)


def pod_object(
    name: str, namespace: str = "default", *, node: str = "", labels: dict[str, str] | None = None
) -> Object:
    wrapped = Object()
    wrapped.pod.metadata.name = name
    wrapped.pod.metadata.namespace = namespace
    wrapped.pod.metadata.labels.update(labels or {})
    if node:
        wrapped.pod.spec.node_name = node
    return wrapped


def put(
    name: str, expected: int = 0, *, namespace: str = "default", slot: str = "", limit: int = 1, **pod: Any
) -> Change:
    """Create a pod, or replace the one at version `expected`."""
    return Change(
        key=ObjectKey(kind="Pod", namespace=namespace, name=name),
        expected_version=expected,
        object=pod_object(name, namespace, **pod).SerializeToString(),
        slot=Slot(name=slot, limit=limit) if slot else None,
    )


def remove(name: str, expected: int, *, namespace: str = "default") -> Change:
    return Change(key=ObjectKey(kind="Pod", namespace=namespace, name=name), expected_version=expected)


def transaction(
    *changes: Change,
    fence: tuple[str, int] | None = None,
    checks: dict[str, int] | None = None,
    marks: Iterable[str] = (),
) -> Transaction:
    return Transaction(
        changes=changes,
        fence=None if fence is None else Fence(shard=fence[0], epoch=fence[1]),
        checks=[MarkCheck(mark=mark, not_after=version) for mark, version in (checks or {}).items()],
        marks=list(marks),
    )


def epoch_claim(epoch: int, *, time: float = 0, gap: int = 0) -> Record:
    claim = EpochClaim(replica=f"replica-{epoch}", version_gap=gap)
    return Record(epoch=epoch, time_ns=int(time * SECOND), epoch_claim=claim)


def record(operation: Transaction | ShardClaim, *, epoch: int = 1, time: float = 0, request_id: str = "") -> Record:
    wrapped = Record(epoch=epoch, time_ns=int(time * SECOND), request_id=request_id)
    if isinstance(operation, Transaction):
        wrapped.transaction.CopyFrom(operation)
    else:
        wrapped.shard_claim.CopyFrom(operation)
    return wrapped


def led_state() -> State:
    """A state in epoch 1."""
    state = State()
    state.apply(epoch_claim(1))
    return state


def apply(state: State, *changes: Change, **options: Any) -> Outcome:
    return state.apply(record(transaction(*changes), epoch=state.epoch, **options))


def image_bytes(image: Image) -> Sequence[bytes]:
    """All that a state holds, in bytes that are equal where the states are."""
    return [chunk.SerializeToString(deterministic=True) for chunk in chunks(image, 0, 1)]


class ManualClock:
    """Time that stands still until `advance` moves it and wakes who slept until then."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self._now = now
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + seconds, sleeper))
        await sleeper

    async def advance(self, seconds: float) -> None:
        self._now += seconds
        due = [sleeper for until, sleeper in self._sleepers if until <= self._now]
        self._sleepers = [(until, sleeper) for until, sleeper in self._sleepers if until > self._now]
        for sleeper in due:
            if not sleeper.done():
                sleeper.set_result(None)
        await settle()


async def settle(turns: int = 50) -> None:
    """Let everything that can run without time passing run."""
    for _ in range(turns):
        await asyncio.sleep(0)
