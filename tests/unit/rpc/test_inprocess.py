"""What the in-process wire promises beyond the contract that it shares with a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from statefleet.rpc.identity import ANONYMOUS, Identity
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.inprocess_pipe import WINDOW, Pipe
from statefleet.runtime.rand import SystemRand
from support.wires import Sample, SampleStub, add_sample_to_server


async def started(servicer: Sample) -> InProcessServer:
    server = InProcessServer()
    add_sample_to_server(servicer, server)
    await server.start()
    return server


class Recording(Sample):
    """Keeps the context of its last call."""

    context: Any = None
    handler_task: asyncio.Task[Any] | None = None

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        self.context = context
        self.handler_task = asyncio.current_task()
        return request

    async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
        self.context = context
        yield request


class Rushing(Sample):
    sent = 0

    async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
        while True:
            yield request
            self.sent += 1


async def test_a_handler_that_does_not_suspend_answers_in_its_callers_step() -> None:
    server = await started(Recording())
    stub = SampleStub(server.channel())
    turned = False

    def turn() -> None:
        nonlocal turned
        turned = True

    asyncio.get_running_loop().call_soon(turn)
    await stub.ask(BytesValue())
    assert not turned


async def test_calls_that_never_suspend_let_others_run() -> None:
    server = await started(Recording())
    stub = SampleStub(server.channel())
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(other())
        for _ in range(640):
            await stub.ask(BytesValue())
        task.cancel()
    assert turns >= 9


async def test_a_handler_is_at_most_a_window_ahead_of_its_reader() -> None:
    servicer = Rushing()
    server = await started(servicer)
    call = SampleStub(server.channel()).count(BytesValue())
    for _ in range(50):
        await asyncio.sleep(0)
    assert servicer.sent == WINDOW
    await call.read()
    for _ in range(50):
        await asyncio.sleep(0)
    assert servicer.sent <= WINDOW + 1
    call.cancel()


async def test_a_deadline_in_the_past_reaches_no_handler() -> None:
    servicer = Recording()
    server = await started(servicer)
    stub = SampleStub(server.channel())
    for call in (stub.ask(BytesValue(), timeout=0), stub.count(BytesValue(), timeout=-1).read()):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert servicer.context is None


async def test_a_timeout_within_a_handler_does_not_cancel_its_caller() -> None:
    class Patient(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.Event().wait()
            except TimeoutError:
                await asyncio.sleep(0)
            return request

    server = await started(Patient())
    assert await SampleStub(server.channel()).ask(BytesValue(value=b"x"), timeout=5) == BytesValue(value=b"x")


async def test_a_task_group_within_a_handler_may_fail() -> None:
    class Grouping(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            async def fail() -> None:
                await asyncio.sleep(0)
                raise LookupError

            async def linger() -> None:
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0)

            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail())
                    group.create_task(linger())
                    await asyncio.Event().wait()
            except* LookupError:
                pass
            await asyncio.sleep(0)
            return request

    server = await started(Grouping())
    assert await SampleStub(server.channel()).ask(BytesValue(value=b"x"), timeout=5) == BytesValue(value=b"x")


@pytest.mark.parametrize(("outer", "inner"), [(0.01, 5.0), (5.0, 0.01), (0.01, 0.01)])
async def test_deadlines_of_nested_calls(outer: float, inner: float) -> None:
    class Stuck(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            await asyncio.Event().wait()
            return request

    back = SampleStub((await started(Stuck())).channel())
    inner_codes: list[grpc.StatusCode] = []

    class Front(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            call = back.ask(request, timeout=inner)
            try:
                await call
            finally:
                inner_codes.append(await call.code())
            return request

    front = SampleStub((await started(Front())).channel())
    call = front.ask(BytesValue(), timeout=outer)
    with pytest.raises(grpc.aio.AioRpcError):
        await call
    expected = grpc.StatusCode.DEADLINE_EXCEEDED if outer <= inner else grpc.StatusCode.UNKNOWN
    assert await call.code() is expected
    assert inner_codes[0] in (grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0.02)


async def test_a_timeout_around_a_call_is_the_callers_alone() -> None:
    seen: list[int] = []

    class Watching(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            task = asyncio.current_task()
            assert task is not None
            try:
                async with asyncio.timeout(5):
                    await asyncio.Event().wait()
            finally:
                seen.extend((task.cancelling(), int(asyncio.current_task() is task)))
                await asyncio.sleep(0.01)
                seen.append(int(asyncio.current_task() is task))
            return request

    server = await started(Watching())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await SampleStub(server.channel()).ask(BytesValue())
    await server.stop(1)
    assert seen == [1, 1, 1]


async def test_a_handler_may_stop_its_own_server() -> None:
    class Suicidal(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            await server.stop(None)
            return request

    server = await started(Suicidal())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await SampleStub(server.channel()).ask(BytesValue())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await asyncio.sleep(0)


async def test_a_server_may_start_again() -> None:
    server = await started(Recording())
    stub = SampleStub(server.channel())
    await server.stop(None)
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.ask(BytesValue())
    await server.start()
    assert await stub.ask(BytesValue(value=b"x")) == BytesValue(value=b"x")


async def test_stop_leaves_no_task_behind() -> None:
    server = await started(Rushing())
    stub = SampleStub(server.channel())
    calls = [stub.count(BytesValue()) for _ in range(3)]
    for call in calls:
        await call.read()
    await server.stop(None)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_waiting_for_termination() -> None:
    server = await started(Recording())
    assert await server.wait_for_termination(0.01)
    waiting = asyncio.gather(server.wait_for_termination(5))
    await asyncio.sleep(0)
    await server.stop(None)
    assert list(await waiting) == [False]


async def test_what_a_context_tells_of_its_caller() -> None:
    servicer = Recording()
    server = await started(servicer)
    await SampleStub(server.channel(Identity("alice"))).ask(BytesValue(), metadata=(("k", "v"),))
    context = servicer.context
    assert context.peer() == "inprocess:alice"
    assert list(context.peer_identities()) == [b"alice"]
    assert list(context.auth_context()[context.peer_identity_key()]) == [b"alice"]
    assert context.invocation_metadata() == (("k", "v"),)
    assert (context.done(), context.cancelled()) == (True, False)
    await SampleStub(server.channel()).ask(BytesValue())
    assert servicer.context.identity == ANONYMOUS
    assert servicer.context.peer_identities() is None


async def test_connectivity() -> None:
    server = InProcessServer()
    channel = server.channel()
    assert channel.get_state() is grpc.ChannelConnectivity.IDLE
    waiting = asyncio.gather(channel.wait_for_state_change(grpc.ChannelConnectivity.IDLE), channel.channel_ready())
    await asyncio.sleep(0)
    await server.start()
    await waiting
    assert channel.get_state() is grpc.ChannelConnectivity.READY
    async with channel:
        pass
    assert channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN


class TestPipe:
    async def test_what_was_written_can_be_read_after_the_end(self) -> None:
        pipe = Pipe()
        await pipe.write(b"1")
        pipe.end()
        assert [await pipe.read(), await pipe.read()] == [b"1", None]
        assert not await pipe.write(b"2")

    async def test_what_was_written_is_dropped_when_abandoned(self) -> None:
        pipe = Pipe()
        await pipe.write(b"1")
        pipe.abandon()
        assert await pipe.read() is None

    async def test_a_suspended_writer_goes_on_when_half_is_read(self) -> None:
        pipe = Pipe()
        for _ in range(WINDOW):
            await pipe.write(b"")
        writing = asyncio.gather(pipe.write(b"last"))
        await asyncio.sleep(0)
        for _ in range(WINDOW // 2 - 1):
            await pipe.read()
        await asyncio.sleep(0)
        assert not writing.done()
        await pipe.read()
        assert list(await writing) == [True]

    async def test_the_end_releases_a_suspended_writer(self) -> None:
        pipe = Pipe()
        for _ in range(WINDOW):
            await pipe.write(b"")
        writing = asyncio.gather(pipe.write(b"last"))
        await asyncio.sleep(0)
        pipe.abandon()
        assert list(await writing) == [False]

    async def test_one_reader_at_a_time(self) -> None:
        pipe = Pipe()
        reading = asyncio.gather(pipe.read())
        await asyncio.sleep(0)
        with pytest.raises(grpc.aio.UsageError):
            await pipe.read()
        pipe.end()
        assert list(await reading) == [None]


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_is_cancelled_nothing_is_left(seed: int) -> None:
    """Nested calls with deadlines, cancellations and stubborn handlers, all at once: every caller gets its answer."""
    rand = SystemRand(seed)

    class Nested(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            depth = int(request.value)
            try:
                if rand.uniform(0, 1) < 0.7:
                    await asyncio.sleep(rand.uniform(0, 0.004))
                if depth:
                    await self_stub.ask(BytesValue(value=b"%d" % (depth - 1)), timeout=rand.uniform(0.001, 0.01))
            except asyncio.CancelledError:
                if rand.uniform(0, 1) < 0.3:
                    await asyncio.sleep(rand.uniform(0, 0.003))
                raise
            return request

    server = await started(Nested())
    self_stub = SampleStub(server.channel())
    answered = 0

    async def use() -> None:
        nonlocal answered
        call = self_stub.ask(BytesValue(value=b"3"), timeout=rand.uniform(0.001, 0.02))
        if rand.uniform(0, 1) < 0.3:
            asyncio.get_running_loop().call_later(rand.uniform(0, 0.01), call.cancel)
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
            await call
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)
        assert call.done()
        answered += 1

    async with asyncio.timeout(30):
        await asyncio.gather(*(use() for _ in range(100)))
    assert answered == 100
    await server.stop(0.5)
    assert asyncio.all_tasks() == {asyncio.current_task()}
