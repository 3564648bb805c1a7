from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from kazoo.exceptions import APIError, ConnectionLoss
from structlog.testing import capture_logs

from statefleet.coordination import zookeeper_client
from statefleet.coordination.zookeeper_client import ZooKeeperClient
from statefleet.coordination.zookeeper_settings import ZooKeeperSettings
from statefleet.errors import Unavailable
from support.stores import ManualClock, settle


class FakeKazoo:
    """A client that is connected at once, and whose syncs are refused or answered as the test says."""

    def __init__(self, _settings: Any, _logger: Any, on_open: Callable[[int, float], None], _on_end: Any) -> None:
        self.open = lambda: on_open(1, 10.0)
        self.refusals: list[Exception] = []
        self.syncs = 0

    def add_listener(self, _listener: Any) -> None:
        pass

    def start_async(self) -> None:
        self.refusals.append(APIError())
        self.open()

    def sync_async(self, _path: str) -> Any:
        self.syncs += 1
        refusal = self.refusals.pop() if self.refusals else None
        result = SimpleNamespace(successful=lambda: refusal is None, value="/", exception=refusal)
        return SimpleNamespace(rawlink=lambda answer: answer(result))

    def leave(self) -> None:
        pass


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> tuple[ZooKeeperClient, ManualClock]:
    monkeypatch.setattr(zookeeper_client, "Kazoo", FakeKazoo)
    clock = ManualClock()
    return ZooKeeperClient(ZooKeeperSettings("zookeeper:2181", session_timeout_seconds=0.05), clock), clock


async def test_a_connection_whose_sync_was_refused_is_used_once_it_is_not(
    client: tuple[ZooKeeperClient, ManualClock],
) -> None:
    zookeeper, clock = client
    with capture_logs() as logs:
        async with zookeeper:
            assert zookeeper.current is None
            with pytest.raises(Unavailable):
                await zookeeper.connection(0.01)
            await clock.advance(1)
            assert (await zookeeper.connection(1)).session == 1
    assert "zookeeper refuses to sync: asking again" in [log["event"] for log in logs]


async def test_a_connection_that_ended_is_asked_no_more(client: tuple[ZooKeeperClient, ManualClock]) -> None:
    zookeeper, clock = client
    async with zookeeper:
        kazoo: Any = zookeeper._kazoo
        kazoo.refusals.append(ConnectionLoss())
        await clock.advance(1)
        asked = kazoo.syncs
        await clock.advance(10)
        await settle()
        assert zookeeper.current is None
        assert kazoo.syncs == asked
        await asyncio.to_thread(kazoo.open)
        assert (await zookeeper.connection(1)).session == 1
