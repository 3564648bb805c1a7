"""A replica that retires, or that is cut off from its log, sends everybody to the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from statefleet.coordination.local import LocalCoordination
from statefleet.errors import NotLeader, Unavailable
from statefleet.runtime.rand import SystemRand
from statefleet.store.led_with import LedWith
from statefleet.store.memory_log import MemoryLog
from statefleet.store.reading import reach
from statefleet.store.replica import Replica
from support.stores import ManualClock, put, settle, transaction


class Unplugged(MemoryLog):
    """A log that one replica can be cut off from."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = False

    async def end(self) -> int:
        if self.is_cut:
            raise Unavailable("the log does not answer")
        return await super().end()


class Cable:
    """A log as one replica reaches it: some calls may fail, some get no answer."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.failing: set[str] = set()
        self.silent: set[str] = set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    async def append(self, payload: bytes) -> int:
        await self._reach("append")
        return await self._log.append(payload)

    async def start(self) -> int:
        await self._reach("start")
        return await self._log.start()

    async def end(self) -> int:
        await self._reach("end")
        return await self._log.end()

    async def _reach(self, call: str) -> None:
        if call in self.silent:
            await asyncio.Event().wait()
        if call in self.failing:
            raise Unavailable(f"{call} failed")


class Group:
    """Replicas that share their logs, each on a cable of its own."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.clock = ManualClock()
        self.coordination = LocalCoordination()
        self.log: Any = Unplugged()
        self.snapshots: Any = MemoryLog()

    async def start(self, member: str) -> Replica:
        arguments: Any = (self.log, self.snapshots, self.coordination, self.clock, SystemRand(1))
        replica = await self._stack.enter_async_context(Replica("store", *arguments, member=member))
        await settle()
        return replica


@pytest.fixture
async def group() -> AsyncIterator[Group]:
    async with AsyncExitStack() as stack:
        yield Group(stack)


async def test_who_retires_hands_over_and_ends_watches(group: Group) -> None:
    old, new = await group.start("a"), await group.start("b")
    with old.hub.subscribe(["Pod"], old.state.version, lambda changed: changed) as watcher:
        await old.retire()
        with pytest.raises(Unavailable, match="about to stop"):
            await anext(watcher)
    await settle()
    assert new.is_leader
    assert (old.leader, new.leader) == ("b", "b")
    with pytest.raises(Unavailable, match="about to stop"):
        await reach(old, "0")
    with pytest.raises(NotLeader):
        await old.propose(transaction(put("a")))
    await new.propose(transaction(put("a")))


async def test_who_retires_still_answers_what_was_proposed(group: Group) -> None:
    replica = await group.start("a")
    proposed = asyncio.ensure_future(replica.propose(transaction(put("a"))))
    await asyncio.sleep(0)
    await replica.retire()
    assert (await proposed).version == 1


async def test_who_retires_in_line_leaves_it(group: Group) -> None:
    leader, waiting, third = [await group.start(member) for member in "abc"]
    await waiting.retire()
    await leader.retire()
    await settle()
    assert third.is_leader


async def test_who_is_cut_off_leads_no_more_and_ends_watches_until_it_is_back(group: Group) -> None:
    replica = await group.start("a")
    with replica.hub.subscribe(["Pod"], replica.state.version, lambda changed: changed) as watcher:
        group.log.is_cut = True
        await group.clock.advance(2)
        with pytest.raises(Unavailable, match="cannot reach its log"):
            await anext(watcher)
    assert not replica.is_leader
    with pytest.raises(Unavailable, match="cannot reach its log"):
        await reach(replica, "0")
    group.log.is_cut = False
    await group.clock.advance(2)
    await reach(replica, "0")
    await replica.leading()
    await replica.propose(transaction(put("a")))


async def test_who_is_cut_off_leaves_the_line_to_those_who_can_lead(group: Group) -> None:
    leader = await group.start("a")
    group.clock, clock = ManualClock(), group.clock
    waiting = await group.start("b")
    group.log.is_cut = True
    await group.clock.advance(2)
    group.log.is_cut = False
    group.clock = clock
    third = await group.start("c")
    await leader.retire()
    await settle()
    assert third.is_leader
    assert not waiting.is_leader


async def test_who_can_read_its_log_and_not_write_it_leaves_the_lead_to_another(group: Group) -> None:
    log = group.log
    group.log = cable = Cable(log)
    old = await group.start("a")
    group.log = log
    new = await group.start("b")
    cable.failing = {"append"}
    with pytest.raises(Unavailable, match="append failed"):
        await old.propose(transaction(put("a")))
    await settle()
    assert new.is_leader
    assert not old.is_leader
    await new.propose(transaction(put("a")))


async def test_who_is_cut_off_while_about_to_lead_leaves_that_to_another(group: Group) -> None:
    before = await group.start("a")
    clock, log, snapshots = group.clock, group.log, group.snapshots
    group.clock, group.log, group.snapshots = ManualClock(), Cable(log), Cable(snapshots)
    stuck = await group.start("b")
    group.snapshots.silent = {"start"}
    group.log.failing = {"end"}
    stuck_clock, group.clock, group.log, group.snapshots = group.clock, clock, log, snapshots
    third = await group.start("c")
    await before.retire()
    await settle()
    assert third.leader == "b"
    await stuck_clock.advance(2)
    assert not stuck.is_leader
    assert third.is_leader


async def test_who_starts_from_a_snapshot_finds_out_who_leads(group: Group) -> None:
    leader = await group.start("a")
    await leader.snapshot()
    await group.clock.advance(1000)
    late = await group.start("b")
    assert late.leader == ""
    assert await late.find_leader() == "a"
    await leader.retire()
    await settle()
    assert await late.find_leader() == late.leader == "b"


async def test_a_store_led_with_another_is_led_where_that_is(group: Group) -> None:
    clock, rand = group.clock, SystemRand(2)
    main = {member: await group.start(member) for member in "ab"}
    log, snapshots = MemoryLog(), MemoryLog()
    async with AsyncExitStack() as stack:
        beside = {}
        for member, other in main.items():
            replica = Replica(
                "beside", log, snapshots, LedWith(other, group.coordination), clock, rand, member=member
            )
            beside[member] = await stack.enter_async_context(replica)
        await settle()
        assert [beside[member].is_leader for member in "ab"] == [True, False]
        group.coordination.revoke("store")
        await settle()
        assert [main[member].is_leader for member in "ab"] == [False, True]
        assert [beside[member].is_leader for member in "ab"] == [False, True]


async def test_a_store_whose_own_log_fails_leaves_the_one_that_leads_it_alone(group: Group) -> None:
    main = await group.start("a")
    log = Cable(MemoryLog())
    log.failing = {"append"}
    coordination = LedWith(main, group.coordination)
    async with Replica("beside", log, MemoryLog(), coordination, group.clock, SystemRand(2), member="a") as beside:  # type: ignore[arg-type]
        await settle()
        assert main.is_leader
        assert main.state.epoch == 1
        log.failing.clear()
        await group.clock.advance(2)
        assert beside.is_leader
    assert main.is_leader
