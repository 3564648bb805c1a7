"""A replica waits for a leader that takes its time, and not for one that it cannot reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue
from grpc import aio

from statefleet.errors import NotLeader, Unavailable
from statefleet.rpc.channel import connect
from statefleet.rpc.hop import REQUEST_ID_KEY, request_metadata
from statefleet.rpc.identity import GATEWAYS_GROUP, Identity, calling_for
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.rpc.server import RpcServer
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.forwarding import FORWARDED_KEY, Forwarding
from support.wires import Sample, SampleStub, add_sample_to_server, answered

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


class Noting(Sample):
    """Notes what comes with a request."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.remaining = 0.0

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        self.metadata = dict(context.invocation_metadata())
        self.remaining = context.time_remaining()
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
    async def leads() -> str:
        return "a"

    forwarding = Forwarding("b", leads, lambda _: connect(leader), patience_seconds=SOON)
    server = InProcessServer([CallInterceptor(clock=SystemClock(), rand=SystemRand(1)), forwarding])
    add_sample_to_server(Follower(), server)
    await server.start()
    yield SampleStub(server.channel(Identity("gateway", (GATEWAYS_GROUP,))))
    await server.stop(None)
    await forwarding.close()


@asynccontextmanager
async def serving(address: str, servicer: Sample, *interceptors: Any) -> AsyncIterator[None]:
    server = RpcServer(address, interceptors=interceptors, reflection=False)
    add_sample_to_server(servicer, server)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


async def ask(stub: SampleStub) -> bytes:
    return (await answered(stub.ask(BytesValue(value=b"x"), timeout=10 * PATIENCE))).value


async def test_a_leader_that_takes_its_time_is_waited_for(leader: str, stub: SampleStub) -> None:
    slow, asked = Slow(), HealthAsked()
    async with serving(leader, slow, asked), asyncio.timeout(PATIENCE):
        answer = asyncio.ensure_future(ask(stub))
        await asked.twice.wait()
        assert not answer.done()
        slow.go_on.set()
        assert await answer == b"x"


async def test_the_leader_learns_which_request_it_is_for_whom_and_till_when(leader: str, stub: SampleStub) -> None:
    noting = Noting()
    async with serving(leader, noting), asyncio.timeout(PATIENCE):
        with calling_for(Identity("alice", ())):
            metadata = ((REQUEST_ID_KEY, "given"), *request_metadata())
        await stub.ask(BytesValue(), timeout=PATIENCE, metadata=metadata)
    assert dict(metadata).items() <= noting.metadata.items()
    assert noting.metadata[FORWARDED_KEY] == "1"
    assert PATIENCE - 1 < noting.remaining < PATIENCE


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
