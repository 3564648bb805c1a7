"""Coordination while the servers of a ZooKeeper die, stand still, come back, or come back with nothing."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from statefleet.coordination.door import Leadership
from statefleet.coordination.zookeeper import ZooKeeperCoordination, ZooKeeperSettings
from statefleet.errors import Unavailable
from support.containers import Server
from support.zookeeper_servers import ZooKeeper, running_zookeeper


@pytest.fixture(scope="module")
def ensemble(real_servers: None) -> Iterator[ZooKeeper]:
    with running_zookeeper(servers=3) as zookeeper:
        yield zookeeper


@pytest.fixture
async def whole(ensemble: ZooKeeper) -> AsyncIterator[ZooKeeper]:
    """The ensemble with all its servers, before the test and after it."""
    yield ensemble
    for server in ensemble.servers:
        await asyncio.to_thread(server.start)
    await asyncio.to_thread(ensemble.until_ready)


async def soon(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, 30)


async def persistent(coordination: ZooKeeperCoordination, member: str, name: str = "store") -> Leadership:
    """Campaign as a replica does: again after each failure."""
    while True:
        try:
            return await coordination.campaign(name, member)
        except Unavailable:
            await asyncio.sleep(0.2)


async def lead_while_possible(coordination: ZooKeeperCoordination, member: str) -> None:
    """Lead until that is lost, again and again: the server that is left may not know at once that it is alone."""
    while True:
        await (await coordination.campaign("store", member)).lost.wait()


@asynccontextmanager
async def two(zookeeper: ZooKeeper) -> AsyncIterator[tuple[ZooKeeperCoordination, ZooKeeperCoordination]]:
    settings = ZooKeeperSettings(hosts=zookeeper.address, root=f"/{uuid.uuid4()}", session_timeout_seconds=3)
    async with ZooKeeperCoordination(settings) as one, ZooKeeperCoordination(settings) as other:
        yield one, other


async def until_seen(members: AsyncIterator[tuple[str, ...]], expected: tuple[str, ...]) -> None:
    """Watch until these take part: a server may lag behind the one through which somebody joined."""
    async for seen in members:
        if seen == expected:
            return


def server_of(coordination: ZooKeeperCoordination, zookeeper: ZooKeeper) -> Server:
    """Return the server that a coordination talks to."""
    socket = coordination._client._kazoo._connection._socket
    assert socket is not None
    host, port = socket.getpeername()
    return next(server for server in zookeeper.servers if server.address == f"{host}:{port}")


async def test_when_its_server_dies_a_leader_leads_again_through_another_and_nobody_leaves(whole: ZooKeeper) -> None:
    async with two(whole) as (a, b), aclosing(b.members("workers")) as seen:
        await soon(a.join("workers", "a"))
        await soon(until_seen(seen, ("a",)))
        first = await soon(a.campaign("store", "a"))
        server_of(a, whole).kill()
        await soon(first.lost.wait())
        second = await soon(persistent(a, "a"))
        assert second.epoch_hint > first.epoch_hint
        await soon(persistent(b, "b", "another"))
        await soon(b.join("workers", "b"))
        assert await soon(anext(seen)) == ("a", "b")


async def test_when_its_server_stands_still_a_leader_is_told_and_leads_again_through_another(
    whole: ZooKeeper,
) -> None:
    async with two(whole) as (a, _):
        first = await soon(a.campaign("store", "a"))
        still = server_of(a, whole)
        still.pause()
        await soon(first.lost.wait())
        await soon(persistent(a, "a"))
        assert server_of(a, whole) is not still
        still.resume()


async def test_without_a_quorum_nobody_leads_and_when_it_is_back_sessions_go_on(whole: ZooKeeper) -> None:
    async with two(whole) as (a, b), aclosing(b.members("workers")) as seen:
        await soon(a.join("workers", "a"))
        await soon(until_seen(seen, ("a",)))
        leading = [asyncio.ensure_future(lead_while_possible(each, name)) for each, name in ((a, "a"), (b, "b"))]
        for server in whole.servers[:2]:
            await asyncio.to_thread(server.kill)
        for ended in leading:
            with pytest.raises(Unavailable, match="ZooKeeper cannot be reached"):
                await soon(ended)
        change = asyncio.ensure_future(anext(seen))
        for server in whole.servers[:2]:
            server.start()
        again = [asyncio.ensure_future(persistent(each, name)) for each, name in ((a, "a"), (b, "b"))]
        done, _ = await asyncio.wait(again, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        assert done
        await soon(b.join("workers", "b"))
        assert await soon(change) == ("a", "b"), "who took part before still does"
        for campaign in again:
            campaign.cancel()


async def test_a_zookeeper_that_was_wiped_is_filled_again(real_servers: None) -> None:
    with running_zookeeper(servers=1) as zookeeper:
        async with two(zookeeper) as (a, b):
            await soon(a.join("workers", "a"))
            await soon(b.join("workers", "b"))
            for n in range(5):  # more has been seen than a new ZooKeeper knows of
                await (await soon(a.campaign(f"before-{n}", "a"))).resign()
            leadership = await soon(a.campaign("store", "a"))
            next_one = asyncio.ensure_future(persistent(b, "b"))
            await asyncio.to_thread(wipe, zookeeper.servers[0])
            await soon(leadership.lost.wait())
            again = asyncio.ensure_future(persistent(a, "a"))
            done, waiting = await asyncio.wait([again, next_one], return_when=asyncio.FIRST_COMPLETED, timeout=30)
            assert done
            await (await done.pop()).resign()
            for campaign in waiting:
                await soon(campaign)
            async with aclosing(b.members("workers")) as seen:
                await soon(until_seen(seen, ("a", "b")))


async def test_a_zookeeper_that_is_away_at_first_is_waited_for(real_servers: None) -> None:
    with running_zookeeper(servers=1) as zookeeper:
        await asyncio.to_thread(zookeeper.servers[0].kill)
        async with two(zookeeper) as (a, _):
            assert not a.connected
            campaign = asyncio.ensure_future(persistent(a, "a"))
            zookeeper.servers[0].start()
            await soon(campaign)


def wipe(server: Server) -> None:
    """Kill a server, and start it with nothing of what it had."""
    code, output = server._container.get_wrapped_container().exec_run("rm -r /data/version-2 /datalog/version-2")
    assert code == 0, output
    server.kill()
    server.start()
