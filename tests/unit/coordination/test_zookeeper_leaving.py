"""A process leaves ZooKeeper in time, also where nothing of it can be reached."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from statefleet.coordination.zookeeper import ZooKeeperCoordination, ZooKeeperSettings

PATIENCE = 5.0


async def test_a_lookup_that_takes_its_time_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers = threading.Event(), threading.Event()

    def silent(*_: object, **__: object) -> list[object]:
        asked.set()
        answers.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    settings = ZooKeeperSettings("zookeeper-1:2181", session_timeout_seconds=0.1)
    coordination = ZooKeeperCoordination(settings)
    try:
        async with asyncio.timeout(PATIENCE), coordination:
            assert await asyncio.to_thread(asked.wait, PATIENCE)
    finally:
        answers.set()
    (closing,) = (thread for thread in threading.enumerate() if thread.name == "zookeeper left")
    await asyncio.to_thread(closing.join, PATIENCE)
    assert not closing.is_alive(), "what is held is given back as soon as the lookup has ended"
