from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog
from google.protobuf.wrappers_pb2 import BytesValue
from structlog.testing import capture_logs

from statefleet.errors import BadRequest, Conflict, Forbidden
from statefleet.rpc.hop import REQUEST_ID_KEY, depart, request_metadata
from statefleet.rpc.identity import CALLED_FOR_KEY, GATEWAYS_GROUP, SERVICES_GROUP, Identity, caller, calling_for
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.logging import REQUEST_ID, configure
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.rand import SystemRand
from support.wires import NAME, Sample, SampleStub, add_sample_to_server, answered

FRONT = Identity("front", (SERVICES_GROUP,))


@pytest.fixture(autouse=True)
def _debugging() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    configure(level="debug", stream=io.StringIO())
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


class Served:
    """A sample behind the interceptors."""

    def __init__(self, servicer: Sample) -> None:
        self.metrics = Metrics()
        self.server = InProcessServer(
            [CallInterceptor(clock=SystemClock(), rand=SystemRand(1), metrics=self.metrics)]
        )
        add_sample_to_server(servicer, self.server)

    async def stub(self, identity: Identity = FRONT) -> SampleStub:
        await self.server.start()
        return SampleStub(self.server.channel(identity))

    def handled(self, method: str, code: str) -> float:
        return self.metrics.value("grpc_server_handled_total", grpc_service=NAME, grpc_method=method, grpc_code=code)

    def timed(self, method: str) -> float:
        return self.metrics.value("grpc_server_handling_seconds_count", grpc_service=NAME, grpc_method=method)


class Fickle(Sample):
    """Fails as it is asked to."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.entered = asyncio.Event()

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        self.ids.append(REQUEST_ID.get())
        match request.value:
            case b"conflict":
                raise Conflict("changed")
            case b"abort":
                await context.abort(grpc.StatusCode.DATA_LOSS, "lost")
            case b"bug":
                raise KeyError("secret")
            case b"wait":
                self.entered.set()
                await asyncio.Event().wait()
        return request

    async def count(self, request: BytesValue, context: Any) -> AsyncIterator[BytesValue]:
        yield request
        if request.value == b"conflict":
            raise Conflict("changed")


async def test_each_call_is_counted_by_its_code() -> None:
    served = Served(Fickle())
    stub = await served.stub()
    await stub.ask(BytesValue())
    for ask in (b"conflict", b"abort", b"bug"):
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ask(BytesValue(value=ask))
    for code in ("OK", "ABORTED", "DATA_LOSS", "INTERNAL"):
        assert served.handled("Ask", code) == 1
    assert served.timed("Ask") == 4


async def test_streams_are_counted_when_they_end() -> None:
    served = Served(Fickle())
    stub = await served.stub()
    assert [message async for message in stub.count(BytesValue())] == [BytesValue()]
    with pytest.raises(grpc.aio.AioRpcError):
        _ = [message async for message in stub.count(BytesValue(value=b"conflict"))]
    assert (served.handled("Count", "OK"), served.handled("Count", "ABORTED")) == (1, 1)


async def test_cancelled_calls_are_counted() -> None:
    servicer = Fickle()
    served = Served(servicer)
    call = (await served.stub()).ask(BytesValue(value=b"wait"))
    await servicer.entered.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await served.server.stop(1)
    assert served.handled("Ask", "CANCELLED") == 1


async def test_a_bug_is_logged_with_its_traceback_and_nothing_else_is() -> None:
    served = Served(Fickle())
    stub = await served.stub()
    with capture_logs() as logs:
        for ask in (b"conflict", b"bug"):
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.ask(BytesValue(value=ask))
    errors = [entry for entry in logs if entry["log_level"] == "error"]
    assert [type(entry["exc_info"]) for entry in errors] == [KeyError]
    assert [(entry["event"], entry["code"]) for entry in logs if entry["log_level"] == "debug"] == [
        ("call", "ABORTED"),
        ("call", "INTERNAL"),
    ]


async def test_a_request_keeps_its_identifier() -> None:
    servicer = Fickle()
    stub = await Served(servicer).stub()
    await stub.ask(BytesValue(), metadata=((REQUEST_ID_KEY, "given"),))
    await stub.ask(BytesValue())
    await stub.ask(BytesValue())
    assert servicer.ids[0] == "given"
    assert servicer.ids[1] != servicer.ids[2]
    assert REQUEST_ID.get() == ""


async def test_identifier_and_deadline_go_on_to_the_next_hop() -> None:
    remaining: list[tuple[float, float]] = []
    back_ids = Fickle()
    back = await Served(back_ids).stub()

    class Front(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            remaining.append((context.time_remaining(), depart(None) or 0.0))
            return await answered(back.ask(request, timeout=depart(None), metadata=request_metadata()))

    front = await Served(Front()).stub()
    await front.ask(BytesValue(), timeout=10, metadata=((REQUEST_ID_KEY, "given"),))
    assert back_ids.ids == ["given"]
    (own, passed_on) = remaining[0]
    assert own - 0.2 < passed_on < own - 0.01


async def test_a_short_deadline_is_not_shaved_away() -> None:
    passed_on: list[float | None] = []

    class Front(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            passed_on.extend((depart(None), depart(0.001), depart(60.0)))
            return request

    await (await Served(Front()).stub()).ask(BytesValue(), timeout=0.5)
    assert passed_on[0] is not None
    assert 0.4 < passed_on[0] < 0.5
    assert passed_on[1] == 0.001
    assert passed_on[2] == pytest.approx(passed_on[0], abs=0.01)


async def test_work_that_outlives_a_request_does_not_inherit_its_deadline() -> None:
    seen: list[float | None] = []
    ended = asyncio.Event()

    class Starting(Sample):
        async def ask(self, request: BytesValue, context: Any) -> BytesValue:
            async def later() -> None:
                seen.append(depart(None))
                ended.set()

            self.task = asyncio.get_running_loop().create_task(later())
            return request

    await (await Served(Starting()).stub()).ask(BytesValue(), timeout=5)
    await ended.wait()
    assert seen == [None]


async def test_outside_a_request_nothing_is_passed_on() -> None:
    assert (depart(None), depart(3.0), request_metadata()) == (None, 3.0, ())


class Knowing(Sample):
    """Notes who calls, and calls on where it is given a way to."""

    def __init__(self, back: SampleStub | None = None) -> None:
        self.callers: list[Identity] = []
        self._back = back

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        self.callers.append(caller(context))
        if self._back is not None:
            await answered(self._back.ask(request, metadata=request_metadata()))
        return request


ALICE = Identity("alice, the 1st", ("ops", "Bäckerei"))
GATEWAY = Identity("gateway", (GATEWAYS_GROUP,))


async def test_who_called_first_is_known_at_the_last_hop() -> None:
    last = Knowing()
    middle = Knowing(await Served(last).stub())
    first = await Served(middle).stub(GATEWAY)
    with calling_for(ALICE):
        await first.ask(BytesValue(), metadata=request_metadata())
    await first.ask(BytesValue())
    assert middle.callers == last.callers == [ALICE, GATEWAY]


async def test_nobody_but_gateways_and_services_can_call_for_others() -> None:
    served = Knowing()
    stub = await Served(served).stub(Identity("mallory", ("system:masters",)))
    with calling_for(ALICE), pytest.raises(Forbidden, match='User "mallory" cannot call for others'):
        await answered(stub.ask(BytesValue(), metadata=request_metadata()))
    assert served.callers == []


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'["a"]', b'["a", "b"]', b'["a", [1]]', b"[1, []]", b"\xff"])
async def test_an_unreadable_identity_is_nobodys(text: bytes) -> None:
    served = Knowing()
    stub = await Served(served).stub(GATEWAY)
    with pytest.raises(BadRequest, match=CALLED_FOR_KEY):
        await answered(stub.ask(BytesValue(), metadata=((CALLED_FOR_KEY, text),)))
    assert served.callers == []


async def test_calling_for_somebody_ends_with_its_block() -> None:
    with calling_for(ALICE):
        with calling_for(None):
            assert request_metadata() == ()
        assert [key for key, _ in request_metadata()] == [CALLED_FOR_KEY]
    assert request_metadata() == ()
