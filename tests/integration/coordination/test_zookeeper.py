"""Coordination through a real ZooKeeper while sessions, connections and answers are lost."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from statefleet.coordination.door import Coordination, Leadership
from statefleet.coordination.zookeeper import ZooKeeperCoordination, ZooKeeperSettings
from statefleet.errors import Unavailable
from support.tcp_proxy import TcpProxy
from support.zookeeper_view import ZooKeeperView, expire, zookeeper_view


async def soon(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, 20)


@pytest.fixture
def settings(zookeeper: str) -> ZooKeeperSettings:
    return ZooKeeperSettings(hosts=zookeeper, root=f"/faults-{uuid.uuid4()}", session_timeout_seconds=2)


@pytest.fixture
async def view(settings: ZooKeeperSettings) -> AsyncIterator[ZooKeeperView]:
    async with zookeeper_view(settings.hosts, settings.root) as made:
        yield made


@pytest.fixture
async def other(settings: ZooKeeperSettings) -> AsyncIterator[ZooKeeperCoordination]:
    async with ZooKeeperCoordination(settings) as made:
        yield made


@asynccontextmanager
async def proxied(settings: ZooKeeperSettings) -> AsyncIterator[tuple[TcpProxy, ZooKeeperCoordination]]:
    """A member whose network the test has in hand."""
    host, _, port = settings.hosts.rpartition(":")
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(TcpProxy(host, int(port)))
        behind = replace(settings, hosts=f"127.0.0.1:{proxy.port}")
        yield proxy, await stack.enter_async_context(ZooKeeperCoordination(behind))


def campaigning(coordination: Coordination, member: str, name: str = "store") -> asyncio.Task[Leadership]:
    return asyncio.ensure_future(coordination.campaign(name, member))


# --- a leader that loses its connection, or its session ---


async def test_a_broken_connection_ends_a_leadership_and_a_new_campaign_does_not_wait_behind_the_dead_one(
    settings: ZooKeeperSettings, view: ZooKeeperView
) -> None:
    async with proxied(settings) as (proxy, coordination):
        first = await soon(coordination.campaign("store", "a"))
        proxy.cut()
        await soon(first.lost.wait())
        second = await soon(coordination.campaign("store", "a"))
        assert second.epoch_hint > first.epoch_hint
        await view.until_line("store", ["a"])
        await first.resign()
        assert not second.lost.is_set()
        assert await coordination.leader("store") == "a"


async def test_a_leader_that_is_cut_off_knows_before_another_leads(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination, view: ZooKeeperView
) -> None:
    async with proxied(settings) as (proxy, coordination):
        leadership = await soon(coordination.campaign("store", "a"))
        next_one = campaigning(other, "b")
        await view.until_line("store", ["a", "b"])
        proxy.hold_all()
        lost = asyncio.ensure_future(leadership.lost.wait())
        await asyncio.wait([lost, next_one], return_when=asyncio.FIRST_COMPLETED, timeout=20)
        assert lost.done()
        assert not next_one.done(), "the session outlives the connection"
        await soon(next_one)
        assert await other.leader("store") == "b"
        proxy.pass_all()


async def test_what_is_left_without_a_connection_is_left_at_once_and_gone_later(
    settings: ZooKeeperSettings, view: ZooKeeperView
) -> None:
    async with proxied(settings) as (proxy, coordination):
        membership = await soon(coordination.join("workers", "a"))
        leadership = await soon(coordination.campaign("store", "a"))
        proxy.hold_all()
        await soon(leadership.lost.wait())
        for leave in (leadership.resign, leadership.resign, membership.leave):
            await asyncio.wait_for(leave(), 0.5)
        proxy.pass_all()
        await view.until_line("store", [])
        await view.until_members("workers", 0)


async def test_an_expired_session_ends_every_leadership_and_new_campaigns_are_won(
    settings: ZooKeeperSettings, view: ZooKeeperView
) -> None:
    async with ZooKeeperCoordination(settings) as coordination:
        held = [await soon(coordination.campaign(name, "a")) for name in ("one", "two")]
        await expire(coordination, settings.hosts)
        for leadership in held:
            await soon(leadership.lost.wait())
        for name, before in zip(("one", "two"), held, strict=True):
            again = await soon(coordination.campaign(name, "a"))
            assert again.epoch_hint > before.epoch_hint
            await view.until_line(name, ["a"])


async def between_two(
    coordination: ZooKeeperCoordination, other: ZooKeeperCoordination, view: ZooKeeperView
) -> tuple[Leadership, asyncio.Task[Leadership], asyncio.Task[Leadership]]:
    """Have a member b wait in line, behind a that leads and before c."""
    leadership = await soon(other.campaign("store", "a"))
    second = campaigning(coordination, "b")
    await view.until_line("store", ["a", "b"])
    third = campaigning(other, "c")
    await view.until_line("store", ["a", "b", "c"])
    return leadership, second, third


async def test_one_who_waits_in_line_keeps_its_place_through_a_broken_connection(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination, view: ZooKeeperView
) -> None:
    async with proxied(settings) as (proxy, coordination):
        leadership, second, third = await between_two(coordination, other, view)
        proxy.cut()
        await leadership.resign()
        await soon(second)
        assert not third.done()
        third.cancel()
        await view.until_line("store", ["b"])


async def test_one_who_waits_in_line_joins_it_anew_when_its_session_expires(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination, view: ZooKeeperView
) -> None:
    async with ZooKeeperCoordination(settings) as coordination:
        leadership, second, third = await between_two(coordination, other, view)
        await expire(coordination, settings.hosts)
        await view.until_line("store", ["a", "c", "b"])
        await leadership.resign()
        await (await soon(third)).resign()
        await soon(second)


async def test_a_leader_whose_node_somebody_deletes_knows(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination, view: ZooKeeperView
) -> None:
    leadership = await soon(other.campaign("store", "a"))
    await view.remove_below("/elections/store")
    await soon(leadership.lost.wait())


# --- answers that are lost ---


def hold_answers_from_the_create_on(proxy: TcpProxy, held: asyncio.Event) -> None:
    """Keep back the answer to the create of a candidate's node, known by the path that no other request holds."""

    def on_request(data: bytes) -> None:
        if b"/elections/store/" in data:
            proxy.on_request = lambda _data: None
            proxy.hold_answers()
            held.set()

    proxy.on_request = on_request


@asynccontextmanager
async def without_an_answer(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination, view: ZooKeeperView
) -> AsyncIterator[tuple[TcpProxy, asyncio.Task[Leadership]]]:
    """A campaign that stands in line and has not been told so."""
    await (await soon(other.campaign("store", "before"))).resign()
    async with proxied(settings) as (proxy, coordination):
        held = asyncio.Event()
        hold_answers_from_the_create_on(proxy, held)
        campaign = campaigning(coordination, "a")
        await soon(held.wait())
        await view.until_line("store", ["a"])
        yield proxy, campaign


async def test_a_create_whose_answer_was_lost_is_found_again_and_not_made_twice(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination, view: ZooKeeperView
) -> None:
    async with without_an_answer(settings, other, view) as (proxy, campaign):
        proxy.cut()
        proxy.pass_all()
        await soon(campaign)
        assert await view.line("store") == ["a"]


async def test_one_who_gives_up_while_its_create_is_under_way_leaves_the_line(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination, view: ZooKeeperView
) -> None:
    async with without_an_answer(settings, other, view) as (proxy, campaign):
        campaign.cancel()
        proxy.cut()
        proxy.pass_all()
        await view.until_line("store", [])


# --- members ---


@pytest.mark.parametrize("lost", ["session", "node"])
async def test_a_member_that_lives_comes_back_by_itself_when_its_session_or_its_node_is_gone(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination, view: ZooKeeperView, lost: str
) -> None:
    async with ZooKeeperCoordination(settings) as coordination:
        membership = await soon(coordination.join("workers", "a"))
        if lost == "session":
            await expire(coordination, settings.hosts)
        else:
            await view.remove_below("/members/workers")
        await view.until_members("workers", 1)
        async with aclosing(other.members("workers")) as seen:
            assert await soon(anext(seen)) == ("a",)
            await membership.leave()
            assert await soon(anext(seen)) == ()


async def test_whoever_watches_members_goes_on_through_broken_connections_and_sees_what_changed_meanwhile(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination
) -> None:
    async with proxied(settings) as (proxy, coordination), aclosing(coordination.members("workers")) as seen:
        await soon(coordination.join("workers", "a"))
        assert await soon(anext(seen)) == ("a",)
        proxy.cut()
        await soon(other.join("workers", "b"))
        assert await soon(anext(seen)) == ("a", "b")


# --- the ends of it ---


async def test_leaving_ends_the_session_what_waits_and_every_thread(
    settings: ZooKeeperSettings, other: ZooKeeperCoordination, view: ZooKeeperView
) -> None:
    await asyncio.to_thread(lambda: None)  # the event loop's own thread counts as there before
    leadership = await soon(other.campaign("store", "a"))
    before = set(threading.enumerate())
    async with ZooKeeperCoordination(settings) as coordination:
        campaign = campaigning(coordination, "b")
        await soon(coordination.join("workers", "b"))
        mine = await soon(coordination.campaign("mine", "b"))
        await view.until_line("store", ["a", "b"])
    assert mine.lost.is_set()
    with pytest.raises(Unavailable, match="has left ZooKeeper"):
        await soon(campaign)
    with pytest.raises(Unavailable, match="has left ZooKeeper"):
        await coordination.campaign("store", "b")
    await mine.resign()
    assert await view.line("store") == ["a"]
    assert await view.line("mine") == []
    await view.until_members("workers", 0)
    assert {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")} <= before
    assert not leadership.lost.is_set()


async def test_the_session_timeout_is_what_the_servers_grant(settings: ZooKeeperSettings) -> None:
    async with ZooKeeperCoordination(replace(settings, session_timeout_seconds=3600)) as coordination:
        granted = coordination.session_timeout_seconds
        assert granted is not None
        assert 2 <= granted < 3600


async def test_where_zookeeper_is_away_it_waits_and_says_why(unused_port: int) -> None:
    settings = ZooKeeperSettings(hosts=f"127.0.0.1:{unused_port}", session_timeout_seconds=0.3)
    async with ZooKeeperCoordination(settings) as coordination:
        assert not coordination.connected
        assert coordination.session_timeout_seconds is None
        for call in (coordination.campaign("store", "a"), coordination.join("workers", "a")):
            with pytest.raises(Unavailable, match="cannot be reached: Connection refused"):
                await soon(call)
        with pytest.raises(Unavailable, match="cannot be reached"):
            await coordination.leader("store")


# --- access ---


async def test_what_is_made_with_a_credential_is_closed_to_strangers_and_the_secret_is_not_logged(
    settings: ZooKeeperSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    known = replace(settings, user="fleet", password="hush-hush")
    async with (
        ZooKeeperCoordination(known) as ours,
        ZooKeeperCoordination(settings) as stranger,
        zookeeper_view(settings.hosts, settings.root, credential="fleet:hush-hush") as view,
    ):
        await soon(ours.campaign("store", "a"))
        await soon(ours.join("workers", "a"))
        for call in (stranger.campaign("store", "x"), stranger.join("workers", "x"), stranger.leader("store")):
            with pytest.raises(Unavailable, match=r"denies access to /faults-.*: check its ACL and the credential"):
                await soon(call)
        with pytest.raises(Unavailable, match="denies access"):
            await soon(anext(stranger.members("workers")))
        assert await view.line("store") == ["a"]
        for path in ("", "/elections", "/elections/store", "/members/workers"):
            [(scheme, identity)] = await view.acls(path)
            assert (scheme, identity.split(":")[0]) == ("digest", "fleet")
        await expire(ours, settings.hosts)
        await view.until_line("store", [])
        await soon(ours.campaign("store", "again"))
    assert "hush" not in caplog.text
