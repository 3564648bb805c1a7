"""Replicas of several releases side by side over one log, and the feature level that rises when all are new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from statefleet.api.log.v1.log_pb2 import Author
from statefleet.coordination.local import LocalCoordination
from statefleet.runtime.rand import SystemRand
from statefleet.store.entries import Entry, LastWrite
from statefleet.store.levels import advertised, agreed
from statefleet.store.memory_log import MemoryLog
from statefleet.store.replica import Replica, ReplicaSettings
from statefleet.store.state import FEATURE_LEVEL, LevelTooNewError
from support.stores import ManualClock, image_bytes, pod_key, put, settle, transaction

OLD = ReplicaSettings(knows_level=0, raise_level_to=0)
NEW = ReplicaSettings()
CALM = NEW.level_calm_seconds


class Releases:
    """Replicas over one log; each is stopped by itself, as a process is."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.coordination = LocalCoordination()
        self.records, self.snapshots = MemoryLog(), MemoryLog()
        self.running: dict[str, tuple[Replica, AsyncExitStack]] = {}

    async def start(self, member: str, settings: ReplicaSettings) -> Replica:
        stack = AsyncExitStack()
        doors = (self.records, self.snapshots, self.coordination, self.clock, SystemRand(1))
        replica = Replica("store", *doors, member=member, settings=settings)
        await stack.enter_async_context(replica)
        self.running[member] = replica, stack
        await settle()
        return replica

    async def stop(self, member: str) -> None:
        _, stack = self.running.pop(member)
        await stack.aclose()
        await settle()

    async def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            await self.clock.advance(1)

    async def write(self, name: str, user: str = "alice") -> None:
        proposed = transaction(put(name))
        proposed.author.CopyFrom(Author(user=user, field_manager="kubectl"))
        (leader,) = [replica for replica, _ in self.running.values() if replica.is_leader]
        await leader.propose(proposed)

    async def agreed_level(self) -> int:
        """The level that all follow, having found their states equal."""
        replicas = [replica for replica, _ in self.running.values()]
        for replica in replicas:
            await replica.read_barrier()
        assert len({tuple(image_bytes(replica.state.image())) for replica in replicas}) == 1
        (level,) = {replica.state.feature_level for replica in replicas}
        return level


@pytest.fixture
async def releases() -> AsyncIterator[Releases]:
    found = Releases()
    yield found
    for member in list(found.running):
        await found.stop(member)


def entry(replica: Replica, name: str) -> Entry:
    found = replica.state.get(pod_key(name))
    assert found is not None
    return found


def test_what_all_know_is_the_least_that_any_knows() -> None:
    assert agreed([]) == 0
    assert agreed([advertised("10.0.0.1:7301", 2), advertised("b@level-9", 1)]) == 1
    assert agreed([advertised("a", 2), "one-that-does-not-say"]) == 0
    assert agreed(["a@level-x", advertised("b", 1)]) == 0


async def test_the_level_rises_when_the_last_old_release_has_left(releases: Releases) -> None:
    for member in "abc":
        await releases.start(member, OLD)
    await releases.write("first")
    for member in "abc":
        await releases.stop(member)
        await releases.start(member, NEW)
        await releases.write(f"beside-{member}")
        if member != "c":
            await releases.pass_time(3 * CALM)
            assert await releases.agreed_level() == 0, f"{member} is new, others are old"
    await releases.pass_time(CALM - 2)
    assert await releases.agreed_level() == 0, "one of them may only be restarting"
    await releases.pass_time(4)
    assert await releases.agreed_level() == FEATURE_LEVEL
    await releases.write("last", user="bob")
    assert await releases.agreed_level() == FEATURE_LEVEL
    replica, _ = releases.running["a"]
    assert entry(replica, "first").last_write is None, "written under the rules of before"
    written = entry(replica, "last").last_write
    assert written == LastWrite(int(releases.clock.now() * 1e9), "bob", "kubectl")


async def test_an_old_release_that_comes_back_refuses_to_start_and_says_why(releases: Releases) -> None:
    leader = await releases.start("a", NEW)
    await releases.pass_time(CALM + 2)
    assert leader.state.feature_level == FEATURE_LEVEL
    why = f"the log follows feature level {FEATURE_LEVEL}, this release knows 0: run a newer release"
    with pytest.raises(LevelTooNewError, match=why):
        await releases.start("b", OLD)
    await leader.snapshot()
    with pytest.raises(LevelTooNewError, match=why):
        await releases.start("b", OLD)
    await releases.write("more")


async def test_an_old_release_that_nobody_knew_of_stops_and_keeps_its_state(releases: Releases) -> None:
    old = await releases.start("a", OLD)
    await releases.write("first")
    leader = await releases.start("b", NEW)
    releases.coordination.revoke("store")
    await settle()
    await leader.raise_feature_level(1)
    assert isinstance(await old.failed(), LevelTooNewError)
    assert old.state.feature_level == 0
    assert old.state.version == leader.state.version == 1


async def test_an_operator_holds_the_level_back(releases: Releases) -> None:
    replica = await releases.start("a", replace(NEW, raise_level_to=0))
    await releases.pass_time(3 * CALM)
    assert await releases.agreed_level() == 0
    await releases.write("first")
    assert entry(replica, "first").last_write is None


async def test_who_wrote_last_survives_a_snapshot_and_a_restart(releases: Releases) -> None:
    replica = await releases.start("a", NEW)
    await releases.pass_time(CALM + 2)
    await releases.write("first")
    await replica.snapshot()
    await releases.pass_time(10 * 60)
    await replica.snapshot()
    assert await releases.records.start() > 0, "the records are trimmed"
    await releases.stop("a")
    again = await releases.start("a", NEW)
    last = entry(again, "first").last_write
    assert last is not None
    assert (last.user, last.manager) == ("alice", "kubectl")
