"""What a channel and a server promise, held over a socket and in process alike."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from statefleet.errors import (
    BadRequest,
    Cause,
    Conflict,
    Forbidden,
    Internal,
    Invalid,
    Subject,
    TooLarge,
    Unavailable,
)
from statefleet.rpc.hop import request_metadata
from statefleet.rpc.identity import GATEWAYS_GROUP, Identity, caller, calling_for
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.rpc.limits import MAX_MESSAGE_BYTES
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from support.wires import InProcessWire, Sample, SampleStub, SocketWire, Wire, answered

PATIENCE = 5.0


def value(data: bytes | int | str) -> BytesValue:
    return BytesValue(value=data if isinstance(data, bytes) else str(data).encode())


def values(messages: list[BytesValue]) -> list[bytes]:
    return [message.value for message in messages]


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        await event.wait()


async def failure(awaitable: Awaitable[Any]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(PATIENCE):
            await awaitable
    return caught.value


async def collected(call: AsyncIterator[BytesValue]) -> list[bytes]:
    async with asyncio.timeout(PATIENCE):
        return [message.value async for message in call]


def make_wire(name: str, directory: Path, *, tls: bool = False) -> Wire:
    return InProcessWire() if name == "in process" else SocketWire(directory, tls=tls, carried=name == "carried")


@pytest.fixture(params=["in process", "socket", "carried"])
async def wire(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Wire]:
    wire = make_wire(request.param, tmp_path)
    yield wire
    await wire.close()


class Echo(Sample):
    """Answers with what it was asked."""

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        return request

    async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
        for number in range(int(request.value)):
            yield value(number)

    async def sum(self, requests: AsyncIterator[BytesValue], context: Any) -> BytesValue:
        return value(sum([int(request.value) async for request in requests]))

    async def chat(self, requests: AsyncIterator[BytesValue], context: Any) -> AsyncIterator[BytesValue]:
        async for request in requests:
            yield request


class Waiting(Sample):
    """Waits until it is cancelled, or told to go on."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.go_on = asyncio.Event()

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        await self._wait()
        return request

    async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
        yield value("first")
        await self._wait()
        yield value("second")

    async def _wait(self) -> None:
        self.entered.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


class Behaving(Sample):
    """Does what a test says."""

    def __init__(self, ask: Callable[[BytesValue, Any], Awaitable[BytesValue]]) -> None:
        self._ask = ask

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        return await self._ask(request, context)


class TestMessages:
    async def test_unary(self, wire: Wire) -> None:
        await wire.serve(Echo())
        assert await wire.stub().ask(value("hello")) == value("hello")

    async def test_stream_of_responses_keeps_order(self, wire: Wire) -> None:
        await wire.serve(Echo())
        assert await collected(wire.stub().count(value(500))) == [b"%d" % number for number in range(500)]

    async def test_stream_of_responses_is_read_one_by_one(self, wire: Wire) -> None:
        await wire.serve(Echo())
        call = wire.stub().count(value(2))
        assert [await call.read() for _ in range(3)] == [value(0), value(1), grpc.aio.EOF]

    async def test_a_stream_is_read_in_one_way(self, wire: Wire) -> None:
        await wire.serve(Echo())
        call = wire.stub().count(value(2))
        await call.read()
        with pytest.raises(grpc.aio.UsageError):
            await collected(call)

    async def test_writer_style_stream(self, wire: Wire) -> None:
        class Writer(Sample):
            async def count(self, request: BytesValue, context: Any) -> None:
                for number in range(3):
                    await context.write(value(number))

        await wire.serve(Writer())
        assert await collected(wire.stub().count(value(0))) == [b"0", b"1", b"2"]

    async def test_stream_of_requests_from_an_iterator(self, wire: Wire) -> None:
        await wire.serve(Echo())
        assert await wire.stub().sum(iter([value(1), value(2), value(3)])) == value(6)

    async def test_stream_of_requests_written_one_by_one(self, wire: Wire) -> None:
        await wire.serve(Echo())
        call = wire.stub().sum()
        for number in range(100):
            await call.write(value(number))
        await call.done_writing()
        assert await call == value(4950)

    async def test_conversation(self, wire: Wire) -> None:
        await wire.serve(Echo())
        call = wire.stub().chat()
        for word in ("one", "two"):
            await call.write(value(word))
            assert await call.read() == value(word)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
        with pytest.raises(asyncio.InvalidStateError):
            await call.write(value("three"))

    async def test_conversation_from_an_async_iterator(self, wire: Wire) -> None:
        async def words() -> AsyncIterator[BytesValue]:
            for number in range(50):
                yield value(number)

        await wire.serve(Echo())
        assert await collected(wire.stub().chat(words())) == [b"%d" % number for number in range(50)]

    async def test_a_handler_never_sees_the_callers_object(self, wire: Wire) -> None:
        seen: list[BytesValue] = []

        async def keep(request: BytesValue, context: Any) -> BytesValue:
            seen.append(request)
            return request

        await wire.serve(Behaving(keep))
        request = value("before")
        response = await wire.stub().ask(request)
        request.value = b"after"
        assert seen == [value("before")]
        assert response is not seen[0]

    async def test_many_calls_at_once(self, wire: Wire) -> None:
        together = asyncio.Barrier(50)

        async def meet(request: BytesValue, context: Any) -> BytesValue:
            await together.wait()
            return request

        await wire.serve(Behaving(meet))
        stub = wire.stub()
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*(stub.ask(value(number)) for number in range(50)))
        assert values(answers) == [b"%d" % number for number in range(50)]

    async def test_a_call_begins_without_being_awaited(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().ask(value("x"))
        await soon(servicer.entered)
        servicer.go_on.set()
        assert await call == value("x")

    async def test_a_call_may_be_awaited_twice(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().ask(value("x"))

        async def wait() -> Any:
            return await call

        both = asyncio.gather(wait(), wait())
        await soon(servicer.entered)
        servicer.go_on.set()
        assert list(await both) == [value("x"), value("x")]
        assert await call == value("x")


class TestLimits:
    async def test_a_message_below_the_limit_passes(self, wire: Wire) -> None:
        await wire.serve(Echo())
        message = value(b"x" * (MAX_MESSAGE_BYTES - 1024))
        assert await wire.stub().ask(message) == message

    async def test_a_larger_request_is_refused(self, wire: Wire) -> None:
        await wire.serve(Echo())
        error = await failure(wire.stub().ask(value(b"x" * (MAX_MESSAGE_BYTES + 1))))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def test_a_larger_response_is_refused(self, wire: Wire) -> None:
        async def enlarge(request: BytesValue, context: Any) -> BytesValue:
            return value(b"x" * (MAX_MESSAGE_BYTES + 1))

        await wire.serve(Behaving(enlarge))
        error = await failure(wire.stub().ask(value("")))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def test_a_larger_message_ends_a_stream(self, wire: Wire) -> None:
        class Growing(Sample):
            async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
                yield value("small")
                yield value(b"x" * (MAX_MESSAGE_BYTES + 1))

        await wire.serve(Growing())
        call = wire.stub().count(value(""))
        assert await call.read() == value("small")
        assert (await failure(call.read())).code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def test_a_client_learns_that_its_request_is_too_large(self, wire: Wire) -> None:
        await wire.serve(Echo())
        with pytest.raises(TooLarge):
            await answered(wire.stub().ask(value(b"x" * (MAX_MESSAGE_BYTES + 1))))

    async def test_a_handler_that_outruns_its_reader_is_suspended(self, wire: Wire) -> None:
        class Rushing(Sample):
            sent = 0

            async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
                for _ in range(2000):
                    yield value(bytes(64 * 1024))
                    self.sent += 1

        servicer = Rushing()
        await wire.serve(servicer)
        call = wire.stub().count(value(""))
        await call.read()
        before = -1
        while servicer.sent != before:
            before = servicer.sent
            await asyncio.sleep(0.05)
        assert servicer.sent < 500
        while await call.read() is not grpc.aio.EOF:
            pass
        assert servicer.sent == 2000


class TestStatus:
    async def test_abort(self, wire: Wire) -> None:
        async def refuse(request: BytesValue, context: Any) -> Any:
            return await context.abort(grpc.StatusCode.ABORTED, "nö", (("why", "because"), ("raw-bin", b"\x00\xff")))

        await wire.serve(Behaving(refuse))
        error = await failure(wire.stub().ask(value("")))
        assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "nö")
        assert set(error.trailing_metadata() or ()) == {("why", "because"), ("raw-bin", b"\x00\xff")}

    async def test_messages_before_an_abort_arrive(self, wire: Wire) -> None:
        class Failing(Sample):
            async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
                yield value(1)
                yield value(2)
                await context.abort(grpc.StatusCode.DATA_LOSS, "lost")

        await wire.serve(Failing())
        call = wire.stub().count(value(""))
        assert [await call.read(), await call.read()] == [value(1), value(2)]
        error = await failure(call.read())
        assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "lost")
        assert await call.code() is grpc.StatusCode.DATA_LOSS

    async def test_code_that_a_handler_sets_and_returns(self, wire: Wire) -> None:
        async def mark(request: BytesValue, context: Any) -> BytesValue:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details("gone")
            context.set_trailing_metadata((("a", "b"),))
            return request

        await wire.serve(Behaving(mark))
        error = await failure(wire.stub().ask(value("")))
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "gone")
        assert tuple(error.trailing_metadata() or ()) == (("a", "b"),)

    async def test_exception_of_a_handler_without_interceptors(self, wire: Wire) -> None:
        async def fail(request: BytesValue, context: Any) -> BytesValue:
            raise ValueError("secret")

        await wire.serve(Behaving(fail))
        assert (await failure(wire.stub().ask(value("")))).code() is grpc.StatusCode.UNKNOWN

    async def test_method_that_does_not_exist(self, wire: Wire) -> None:
        await wire.serve(Echo())
        assert (await failure(wire.stub().missing(value("")))).code() is grpc.StatusCode.UNIMPLEMENTED

    async def test_what_a_call_tells_of_its_end(self, wire: Wire) -> None:
        await wire.serve(Echo())
        call = wire.stub().ask(value("x"))
        ended = asyncio.Event()
        call.add_done_callback(lambda _: ended.set())
        assert not call.done()
        assert await call == value("x")
        await soon(ended)
        assert (call.done(), call.cancelled()) == (True, False)
        assert (await call.code(), await call.details()) == (grpc.StatusCode.OK, "")

    async def test_a_handler_is_told_of_the_end(self, wire: Wire) -> None:
        ended = asyncio.Event()

        async def listen(request: BytesValue, context: Any) -> BytesValue:
            context.add_done_callback(lambda _: ended.set())
            return request

        await wire.serve(Behaving(listen))
        await wire.stub().ask(value(""))
        await soon(ended)


class TestErrors:
    """What the server's interceptor makes of an exception, and the client of that."""

    async def ask(self, wire: Wire, error: BaseException) -> BytesValue:
        async def fail(request: BytesValue, context: Any) -> BytesValue:
            raise error

        await wire.serve(Behaving(fail), interceptors=[CallInterceptor(clock=SystemClock(), rand=SystemRand())])
        async with asyncio.timeout(PATIENCE):
            return await answered(wire.stub().ask(value("")))

    async def test_an_error_crosses_whole(self, wire: Wire) -> None:
        subject = Subject("web", "apps", "statefulsets", "u-1", (Cause("FieldValueInvalid", "no", "spec.x"),), 3)
        with pytest.raises(Invalid) as caught:
            await self.ask(wire, Invalid('StatefulSet.apps "web" is invalid: spec.x: no', subject))
        assert caught.value.message == 'StatefulSet.apps "web" is invalid: spec.x: no'
        assert caught.value.subject == subject

    async def test_errors_of_one_code_stay_apart(self, wire: Wire) -> None:
        with pytest.raises(BadRequest):
            await self.ask(wire, BadRequest("what?"))

    async def test_an_error_with_many_causes_crosses(self, wire: Wire) -> None:
        causes = tuple(Cause("FieldValueInvalid", f"must not be {'x' * 80}", f"spec.items[{i}]") for i in range(150))
        with pytest.raises(Invalid) as caught:
            await self.ask(wire, Invalid("; ".join(cause.message for cause in causes), Subject(causes=causes)))
        assert caught.value.subject == Subject(causes=causes)

    async def test_an_unforeseen_exception_tells_nothing(self, wire: Wire) -> None:
        with pytest.raises(Internal) as caught:
            await self.ask(wire, KeyError("secret"))
        assert "secret" not in caught.value.message

    async def test_a_handler_that_is_cancelled_from_within_asks_for_a_retry(self, wire: Wire) -> None:
        with pytest.raises(Unavailable):
            await self.ask(wire, asyncio.CancelledError())

    async def test_an_error_in_a_stream(self, wire: Wire) -> None:
        class Failing(Sample):
            async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
                yield value(1)
                raise Conflict("changed", Subject("web"))

        await wire.serve(Failing(), interceptors=[CallInterceptor(clock=SystemClock(), rand=SystemRand())])
        call = wire.stub().count(value(""))
        assert await call.read() == value(1)
        with pytest.raises(Conflict) as caught:
            await answered(call.read())
        assert caught.value.subject == Subject("web")


class TestDeadlines:
    async def test_a_call_ends_at_its_deadline_and_cancels_its_handler(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        error = await failure(wire.stub().ask(value(""), timeout=0.2))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await soon(servicer.cancelled)

    async def test_a_stream_ends_at_its_deadline(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().count(value(""), timeout=0.2)
        assert await call.read() == value("first")
        assert (await failure(call.read())).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await soon(servicer.cancelled)

    async def test_a_handler_that_resists_does_not_hold_its_caller(self, wire: Wire) -> None:
        release, ended = asyncio.Event(), asyncio.Event()

        async def resist(request: BytesValue, context: Any) -> BytesValue:
            try:
                await asyncio.Event().wait()
            finally:
                await release.wait()
                ended.set()
            return request

        await wire.serve(Behaving(resist))
        error = await failure(wire.stub().ask(value(""), timeout=0.2))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        release.set()
        await soon(ended)

    async def test_a_handler_that_swallows_its_cancellation_changes_nothing(self, wire: Wire) -> None:
        async def swallow(request: BytesValue, context: Any) -> BytesValue:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return request

        await wire.serve(Behaving(swallow))
        error = await failure(wire.stub().ask(value(""), timeout=0.2))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    async def test_the_callers_task_goes_on_after_a_deadline(self, wire: Wire) -> None:
        await wire.serve(Waiting())
        stub = wire.stub()
        async with asyncio.timeout(PATIENCE) as patience:
            await failure(stub.ask(value(""), timeout=0.1))
            await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert (task.cancelling(), patience.expired()) == (0, False)

    async def test_a_handler_knows_its_deadline(self, wire: Wire) -> None:
        seen: list[float | None] = []

        async def tell(request: BytesValue, context: Any) -> BytesValue:
            seen.append(context.time_remaining())
            return request

        await wire.serve(Behaving(tell))
        stub = wire.stub()
        await stub.ask(value(""), timeout=20)
        await stub.ask(value(""))
        assert seen[0] is not None
        assert 15 < seen[0] < 21
        assert seen[1] is None

    async def test_an_answer_in_time_leaves_no_trace_of_the_deadline(self, wire: Wire) -> None:
        async def pause(request: BytesValue, context: Any) -> BytesValue:
            await asyncio.sleep(0)
            return request

        await wire.serve(Behaving(pause))
        assert await wire.stub().ask(value("x"), timeout=0.3) == value("x")
        await asyncio.sleep(0.4)


class TestCancellation:
    async def test_the_client_cancels_a_call(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().ask(value(""))
        await soon(servicer.entered)
        assert call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await soon(servicer.cancelled)
        assert (call.cancelled(), call.done(), call.cancel()) == (True, True, False)
        assert await call.code() is grpc.StatusCode.CANCELLED

    async def test_a_cancelled_call_releases_who_awaits_it(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().ask(value(""))

        async def wait() -> str:
            try:
                await call
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                return "released"
            return "answered"

        waiting = asyncio.gather(wait())
        await soon(servicer.entered)
        call.cancel()
        async with asyncio.timeout(PATIENCE):
            assert list(await waiting) == ["released"]
        await soon(servicer.cancelled)

    async def test_the_task_that_awaits_is_cancelled(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await wire.stub().ask(value(""))
        await soon(servicer.cancelled)

    async def test_a_call_is_cancelled_before_it_begins(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().ask(value(""))
        assert call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    async def test_the_client_cancels_a_stream(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().count(value(""))
        assert await call.read() == value("first")
        await soon(servicer.entered)
        assert call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.read()
        await soon(servicer.cancelled)

    async def test_the_task_that_reads_a_stream_is_cancelled(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().count(value(""))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(collected(call), 0.2)
        await soon(servicer.cancelled)
        assert call.cancelled()

    async def test_closing_a_channel_cancels_its_calls(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        stub = wire.stub()
        call = stub.count(value(""))
        await call.read()
        await stub.channel.close()
        await soon(servicer.cancelled)
        with pytest.raises(grpc.aio.UsageError):
            await stub.ask(value(""))

    async def test_the_server_cancels_a_call(self, wire: Wire) -> None:
        async def cancel(request: BytesValue, context: Any) -> Any:
            return await context.abort(grpc.StatusCode.CANCELLED, "not now")

        await wire.serve(Behaving(cancel))
        call = wire.stub().ask(value(""))
        assert (await failure(call)).code() is grpc.StatusCode.CANCELLED

    async def test_a_cancelled_handler_cleans_up(self, wire: Wire) -> None:
        cleaned = asyncio.Event()

        class Holding(Sample):
            async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
                try:
                    while True:
                        yield value(bytes(64 * 1024))
                finally:
                    cleaned.set()

        await wire.serve(Holding())
        call = wire.stub().count(value(""))
        await call.read()
        call.cancel()
        await soon(cleaned)


class TestMetadata:
    async def test_of_the_client(self, wire: Wire) -> None:
        seen: list[tuple[str, Any]] = []

        async def look(request: BytesValue, context: Any) -> BytesValue:
            seen.extend((key, value) for key, value in context.invocation_metadata() if key != "user-agent")
            return request

        await wire.serve(Behaving(look))
        await wire.stub().ask(value(""), metadata=(("k", "v"), ("k", "w"), ("raw-bin", b"\x00\x01")))
        assert seen == [("k", "v"), ("k", "w"), ("raw-bin", b"\x00\x01")]

    async def test_of_the_server(self, wire: Wire) -> None:
        class Telling(Sample):
            async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
                await context.send_initial_metadata((("first", "1"),))
                yield request
                context.set_trailing_metadata((("last", "2"),))

        await wire.serve(Telling())
        call = wire.stub().count(value("x"))
        assert tuple(await call.initial_metadata()) == (("first", "1"),)
        assert await collected(call) == [b"x"]
        assert tuple(await call.trailing_metadata()) == (("last", "2"),)

    @pytest.mark.parametrize("pair", [("Upper", "x"), ("a b", "x"), ("a-bin", "text"), ("a", "naïve")])
    async def test_what_cannot_be_carried(self, wire: Wire, pair: tuple[str, str]) -> None:
        await wire.serve(Echo())
        stub = wire.stub()
        with pytest.raises((grpc.aio.InternalError, TypeError)):
            await stub.ask(value(""), metadata=(pair,))


TRACE: ContextVar[str] = ContextVar("trace", default="")


class Tracing(grpc.aio.ServerInterceptor):
    def __init__(self, name: str, trace: list[str]) -> None:
        self._name = name
        self._trace = trace

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        self._trace.append(f"{self._name} {handler_call_details.method.rsplit('/')[-1]}")
        TRACE.set(f"{TRACE.get()}{self._name}")
        return await continuation(handler_call_details)


class TestInterceptors:
    async def test_order_on_the_server(self, wire: Wire) -> None:
        trace: list[str] = []

        async def tell(request: BytesValue, context: Any) -> BytesValue:
            return value(TRACE.get())

        await wire.serve(Behaving(tell), interceptors=[Tracing("a", trace), Tracing("b", trace)])
        assert await wire.stub().ask(value("")) == value("ab")
        assert trace == ["a Ask", "b Ask"]
        assert TRACE.get() == ""

    async def test_context_variables_of_a_handler_stay_with_it(self, wire: Wire) -> None:
        async def set_it(request: BytesValue, context: Any) -> BytesValue:
            before = TRACE.get()
            TRACE.set("handler")
            await asyncio.sleep(0)
            return value(f"{before}/{TRACE.get()}")

        await wire.serve(Behaving(set_it))
        TRACE.set("caller")
        assert await wire.stub().ask(value("")) == value("/handler")
        assert TRACE.get() == "caller"


class TestServer:
    async def test_stop_lets_calls_end_within_its_grace(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().ask(value("x"))
        await soon(servicer.entered)
        stopping = asyncio.gather(wire.stop(PATIENCE))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        servicer.go_on.set()
        assert await call == value("x")
        await stopping

    async def test_stop_ends_streams_after_its_grace(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().count(value(""))
        await call.read()
        await wire.stop(0.1)
        assert (await failure(call.read())).code() is grpc.StatusCode.UNAVAILABLE
        await soon(servicer.cancelled)

    async def test_stop_without_grace_ends_calls(self, wire: Wire) -> None:
        servicer = Waiting()
        await wire.serve(servicer)
        call = wire.stub().ask(value(""))
        await soon(servicer.entered)
        await wire.stop(None)
        assert (await failure(call)).code() is grpc.StatusCode.UNAVAILABLE
        await soon(servicer.cancelled)

    async def test_a_server_that_is_not_there(self, wire: Wire) -> None:
        await wire.serve(Echo(), start=False)
        assert (await failure(wire.stub().ask(value("")))).code() is grpc.StatusCode.UNAVAILABLE

    async def test_a_call_waits_for_the_server(self, wire: Wire) -> None:
        await wire.serve(Echo(), start=False)
        stub = wire.stub()
        call = stub.ask(value("x"), wait_for_ready=True, timeout=PATIENCE)
        await asyncio.sleep(0.05)
        assert not call.done()
        await wire.start()
        assert await call == value("x")
        await stub.channel.channel_ready()

    async def test_waiting_for_the_server_has_a_deadline(self, wire: Wire) -> None:
        await wire.serve(Echo(), start=False)
        error = await failure(wire.stub().ask(value("x"), wait_for_ready=True, timeout=0.2))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


class TestIdentity:
    @pytest.fixture(params=["in process", "socket", "carried"])
    async def secure(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Wire]:
        wire = make_wire(request.param, tmp_path, tls=True)
        yield wire
        await wire.close()

    async def test_the_caller_is_known(self, secure: Wire) -> None:
        seen: list[Identity] = []

        async def look(request: BytesValue, context: Any) -> BytesValue:
            seen.append(caller(context))
            return request

        await secure.serve(Behaving(look))
        alice, node = Identity("alice, the 1st", ("ops", "system:masters")), Identity("system:node:n1", ())
        for identity in (alice, node):
            stub: SampleStub = secure.stub(identity=identity)
            await stub.ask(value(""))
        assert seen == [alice, node]

    async def test_a_gateway_is_believed_for_whom_it_calls_and_others_are_not(self, secure: Wire) -> None:
        seen: list[Identity] = []

        async def look(request: BytesValue, context: Any) -> BytesValue:
            seen.append(caller(context))
            return request

        await secure.serve(Behaving(look), interceptors=[CallInterceptor(clock=SystemClock(), rand=SystemRand())])
        gateway, alice = Identity("gateway", (GATEWAYS_GROUP,)), Identity("älice", ("ops",))
        with calling_for(alice):
            await secure.stub(identity=gateway).ask(value(""), metadata=request_metadata())
            with pytest.raises(Forbidden):
                await answered(secure.stub(identity=alice).ask(value(""), metadata=request_metadata()))
        assert seen == [alice]
