"""What carried calls have beyond the contract of every channel: they share messages, or go alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from statefleet.api.calls.v1.calls_pb2 import CarriedCall, CarryRequest
from statefleet.api.calls.v1.calls_pb2_grpc import CallsServicer, CallsStub, add_CallsServicer_to_server
from statefleet.rpc.carried import CARRY, PART_BYTES, Outbox, entries, metadata_of
from statefleet.rpc.carrier import Carrier
from statefleet.rpc.channel import connect
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.server import RpcServer
from support.wires import NAME, Sample, SampleStub, add_sample_to_server

PATIENCE = 5.0
LARGE = b"x" * 20_000


class Echo(Sample):
    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        return request


class Meeting(Sample):
    """Answers when so many have asked."""

    def __init__(self, parties: int) -> None:
        self._together = asyncio.Barrier(parties)

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        await self._together.wait()
        return request


class Seen(grpc.aio.ServerInterceptor):
    """Notes the methods that RPCs, and not the calls that they carry, are of."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        self.methods.append(handler_call_details.method)
        return await continuation(handler_call_details)


class Ending(CallsServicer):
    """Takes one message, and ends the stream."""

    async def Carry(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # noqa: N802
        await context.send_initial_metadata(())
        async for _ in request_iterator:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "over")


class Plain:
    """A server of grpc.aio, which carries no calls unless it is given what does."""

    def __init__(self, address: str, seen: Seen, carrier: Carrier | None = None) -> None:
        self.server = grpc.aio.server(interceptors=[seen])
        add_sample_to_server(Echo(), self.server)
        if carrier is not None:
            add_CallsServicer_to_server(carrier, self.server)
        self.server.add_insecure_port(address)


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"unix:{tmp_path}/rpc.sock"


async def serving(address: str, servicer: Sample) -> RpcServer:
    server = RpcServer(address, reflection=False)
    add_sample_to_server(servicer, server)
    await server.start()
    return server


@pytest.fixture
async def channel(address: str) -> AsyncIterator[grpc.aio.Channel]:
    async with connect(address) as opened:
        yield opened


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> SampleStub:
    return SampleStub(channel)


async def until_gone(channel: grpc.aio.Channel) -> None:
    """Return once the client knows that the connection has ended: until then it may send a call into it."""
    async with asyncio.timeout(PATIENCE):
        while channel.get_state() is grpc.ChannelConnectivity.READY:
            await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


async def ask(stub: SampleStub, data: bytes) -> bytes:
    async with asyncio.timeout(PATIENCE):
        answer: BytesValue = await stub.ask(BytesValue(value=data))
    return answer.value


class Noting(Sample):
    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        self.asked.append(request.value)
        return request


async def test_a_call_that_was_given_up_before_it_was_sent_is_not_begun(address: str) -> None:
    noting = Noting()
    server = await serving(address, noting)
    async with grpc.aio.insecure_channel(address) as channel, asyncio.timeout(PATIENCE):
        carry: Any = CallsStub(channel).Carry()
        calls = [
            CarriedCall(number=n, method=f"/{NAME}/Ask", message=BytesValue(value=b"%d" % n).SerializeToString())
            for n in (1, 2)
        ]
        await carry.write(CarryRequest(calls=calls, cancelled=[1]))
        response = await carry.read()
    await server.stop(None)
    assert [answer.number for answer in response.answers] == [2]
    assert noting.asked == [b"2"]


async def test_a_server_that_carries_nothing_is_called_as_any_other(address: str, stub: SampleStub) -> None:
    seen = Seen()
    plain = Plain(address, seen)
    await plain.server.start()
    try:
        assert await asyncio.gather(*(ask(stub, b"%d" % n) for n in range(3))) == [b"0", b"1", b"2"]
        assert await ask(stub, b"again") == b"again"
    finally:
        await plain.server.stop(None)
    assert seen.methods.count(CARRY) == 1, "it is asked once"


async def test_no_call_is_lost_on_a_server_that_carries_nothing(address: str) -> None:
    plain = Plain(address, Seen())
    await plain.server.start()
    try:
        for _ in range(40):
            async with connect(address) as opened:
                stub = SampleStub(opened)
                assert await asyncio.gather(*(ask_soon(stub, n) for n in range(12))) == [LARGE] * 12
    finally:
        await plain.server.stop(None)


async def test_calls_of_a_stream_that_ends_are_not_told_of_an_internal_error(address: str) -> None:
    server = grpc.aio.server()
    add_CallsServicer_to_server(Ending(), server)
    server.add_insecure_port(address)
    await server.start()
    codes: set[grpc.StatusCode] = set()
    try:
        for _ in range(40):
            async with connect(address) as opened:
                stub = SampleStub(opened)
                told = await asyncio.gather(*(ask_soon(stub, n) for n in range(12)), return_exceptions=True)
                codes |= {error.code() for error in told if isinstance(error, grpc.aio.AioRpcError)}
    finally:
        await server.stop(None)
    assert codes == {grpc.StatusCode.UNAVAILABLE}


async def ask_soon(stub: SampleStub, n: int) -> bytes:
    """Ask so that each of several calls is written by itself."""
    await asyncio.sleep(n * 0.0003)
    return await ask(stub, LARGE)


async def test_a_server_that_was_replaced_by_one_that_carries_calls_is_asked_again(
    address: str, channel: grpc.aio.Channel, stub: SampleStub
) -> None:
    old, new = Seen(), Seen()
    plain = Plain(address, old)
    await plain.server.start()
    assert await ask(stub, b"old") == b"old"
    await plain.server.stop(None)
    await until_gone(channel)
    carried = InProcessServer()
    add_sample_to_server(Echo(), carried)
    await carried.start()
    newer = Plain(address, new, Carrier(carried))
    await newer.server.start()
    try:
        answer = await stub.ask(BytesValue(value=b"new"), wait_for_ready=True, timeout=PATIENCE)
        assert answer.value == b"new"
        assert await ask(stub, b"carried") == b"carried"
        assert new.methods[-1] == CARRY
    finally:
        await newer.server.stop(None)
        await carried.stop(None)


async def test_calls_go_on_with_the_next_server_at_the_address(
    address: str, channel: grpc.aio.Channel, stub: SampleStub
) -> None:
    server = await serving(address, Meeting(2))
    waiting = asyncio.ensure_future(ask(stub, b"x"))
    other = asyncio.ensure_future(ask(stub, b"y"))
    assert list(await asyncio.gather(waiting, other)) == [b"x", b"y"]
    left = asyncio.ensure_future(ask(stub, b"z"))
    await asyncio.sleep(0)
    await server.stop(None)
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await left
    assert told.value.code() is grpc.StatusCode.UNAVAILABLE
    await until_gone(channel)
    server = await serving(address, Echo())
    try:
        answer = await stub.ask(BytesValue(value=b"back"), wait_for_ready=True, timeout=PATIENCE)
        assert answer.value == b"back"
        assert await ask(stub, b"carried again") == b"carried again"
    finally:
        await server.stop(None)


async def test_a_stopping_server_answers_what_is_under_way(address: str, stub: SampleStub) -> None:
    servicer = Meeting(2)
    server = await serving(address, servicer)
    asked = asyncio.ensure_future(ask(stub, b"x"))
    while servicer._together.n_waiting == 0:
        await asyncio.sleep(0)
    stopping = asyncio.ensure_future(server.stop(PATIENCE))
    await asyncio.sleep(0)
    await servicer._together.wait()
    assert await asked == b"x"
    async with asyncio.timeout(PATIENCE / 2):
        await stopping


@pytest.mark.parametrize("size", [PART_BYTES - 100, PART_BYTES + 1, 3 * PART_BYTES + 7])
async def test_messages_of_every_size_arrive_whole(address: str, stub: SampleStub, size: int) -> None:
    class Growing(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            return BytesValue(value=request.value * size)

    server = await serving(address, Growing())
    try:
        answers = await asyncio.gather(*(ask(stub, bytes([n])) for n in range(3)))
        assert [set(answer) for answer in answers] == [{0}, {1}, {2}]
        assert {len(answer) for answer in answers} == {size}
    finally:
        await server.stop(None)


async def test_what_gathers_while_a_message_is_written_shares_the_next_one() -> None:
    sent: list[list[int]] = []
    free = asyncio.Event()

    async def write(message: list[int]) -> None:
        sent.append(message)
        await free.wait()

    outbox: Outbox[int] = Outbox(list, lambda _: 1)
    running = asyncio.ensure_future(outbox.run(write))
    outbox.put(0)
    while not sent:
        await asyncio.sleep(0)
    for number in range(1, 41):
        outbox.put(number)
    outbox.close()
    free.set()
    await running
    assert sent == [[0], list(range(1, 33)), list(range(33, 41))]


async def test_a_message_has_about_so_many_bytes() -> None:
    sent: list[list[int]] = []

    async def write(message: list[int]) -> None:
        sent.append(message)

    outbox: Outbox[int] = Outbox(list, lambda size: size)
    for size in (2 * PART_BYTES, PART_BYTES // 2, PART_BYTES // 2, 1):
        outbox.put(size)
    outbox.close()
    await outbox.run(write)
    assert sent == [[2 * PART_BYTES], [PART_BYTES // 2, PART_BYTES // 2], [1]]


def test_metadata_is_what_it_was() -> None:
    metadata = (("a", "text"), ("b-bin", b"\x00\xff"), ("a", "again"))
    assert metadata_of(entries(metadata)) == metadata
