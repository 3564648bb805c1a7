"""A replica waits for a leader that takes its time, and not for one that it cannot reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue
from grpc import aio

from statefleet.errors import NotLeader, Unavailable
from statefleet.rpc.channel import connect
from statefleet.rpc.identity import ANONYMOUS
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor, client_interceptors
from statefleet.rpc.server import RpcServer
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.forwarding import Forwarding
from support.wires import Sample, SampleStub, add_sample_to_server

PATIENCE = 5.0
SOON = 0.1


class Follower(Sample):
    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        raise NotLeader("this replica does not lead")


class Slow(Sample):
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        await self.go_on.wait()
        return request


class HealthAsked(aio.ServerInterceptor):
    """Knows when it was asked twice how the server is."""

    def __init__(self) -> None:
        self._times = 0
        self.twice = asyncio.Event()

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        if handler_call_details.method.endswith("Health/Check"):
            self._times += 1
            if self._times == 2:
                self.twice.set()
        return await continuation(handler_call_details)


@pytest.fixture
def leader(tmp_path: Path) -> str:
    return f"unix:{tmp_path}/leader.sock"


@pytest.fixture
async def stub(leader: str) -> AsyncIterator[SampleStub]:
    forwarding = Forwarding(
        "b", lambda: "a", lambda _: connect(leader, interceptors=client_interceptors()), patience_seconds=SOON
    )
    server = InProcessServer([CallInterceptor(clock=SystemClock(), rand=SystemRand(1)), forwarding])
    add_sample_to_server(Follower(), server)
    await server.start()
    yield SampleStub(server.channel(ANONYMOUS, interceptors=client_interceptors()))
    await server.stop(None)
    await forwarding.close()


async def ask(stub: SampleStub) -> bytes:
    answer: BytesValue = await stub.ask(BytesValue(value=b"x"), timeout=10 * PATIENCE)
    return answer.value


async def test_a_leader_that_takes_its_time_is_waited_for(leader: str, stub: SampleStub) -> None:
    slow, asked = Slow(), HealthAsked()
    server = RpcServer(leader, interceptors=[asked], reflection=False)
    add_sample_to_server(slow, server)
    await server.start()
    try:
        async with asyncio.timeout(PATIENCE):
            answer = asyncio.ensure_future(ask(stub))
            await asked.twice.wait()
            assert not answer.done()
            slow.go_on.set()
            assert await answer == b"x"
    finally:
        await server.stop(None)


async def test_a_leader_that_cannot_be_reached_is_not(leader: str, stub: SampleStub) -> None:
    taken: list[asyncio.StreamWriter] = []

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    deaf = await asyncio.start_unix_server(say_nothing, leader.removeprefix("unix:"))
    try:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(Unavailable, match="the leader at a does not answer"):
                await ask(stub)
    finally:
        for writer in taken:
            writer.close()
        deaf.close()
