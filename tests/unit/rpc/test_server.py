"""What a server on a socket has beyond the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from statefleet.api.workloads.v1.workload_store_pb2_grpc import (
    WorkloadStoreServicer,
    add_WorkloadStoreServicer_to_server,
)
from statefleet.rpc.certificates import Authority
from statefleet.rpc.channel import connect
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.rpc.server import RpcServer
from statefleet.rpc.tls import ClientTls, ServerTls
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.rand import SystemRand
from support.wires import Sample, add_sample_to_server

STORE = "statefleet.api.workloads.v1.WorkloadStore"


def health(channel: grpc.aio.Channel) -> Any:
    return HealthStub(channel)


@pytest.fixture
async def server() -> AsyncIterator[RpcServer]:
    server = RpcServer("127.0.0.1:0")
    add_WorkloadStoreServicer_to_server(WorkloadStoreServicer(), server)  # type: ignore[abstract]
    await server.start()
    yield server
    await server.stop(None)


@pytest.fixture
async def channel(server: RpcServer) -> AsyncIterator[grpc.aio.Channel]:
    async with connect(f"127.0.0.1:{server.port}") as channel:
        yield channel


async def test_health(channel: grpc.aio.Channel) -> None:
    check = health(channel).Check
    for service in ("", STORE):
        assert (await check(HealthCheckRequest(service=service))).status == HealthCheckResponse.SERVING


async def test_health_says_that_the_server_is_stopping(server: RpcServer, channel: grpc.aio.Channel) -> None:
    watch = health(channel).Watch(HealthCheckRequest(service=STORE))
    assert (await watch.read()).status == HealthCheckResponse.SERVING
    await server.stop(0.1)
    assert (await watch.read()).status == HealthCheckResponse.NOT_SERVING


async def test_reflection(channel: grpc.aio.Channel) -> None:
    stub: Any = ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(iter([ServerReflectionRequest(list_services="")]))
    names = [service.name async for answer in call for service in answer.list_services_response.service]
    assert {STORE, "grpc.health.v1.Health"} <= set(names)


async def test_a_call_that_ends_well_is_counted_as_ok(tmp_path: Path) -> None:
    metrics = Metrics()
    counting = CallInterceptor(clock=SystemClock(), rand=SystemRand(1), metrics=metrics)
    server = RpcServer(f"unix:{tmp_path}/rpc.sock", interceptors=[counting])
    await server.start()
    async with connect(f"unix:{tmp_path}/rpc.sock") as channel:
        await health(channel).Check(HealthCheckRequest())
    labels = {"grpc_service": "grpc.health.v1.Health", "grpc_method": "Check", "grpc_code": "OK"}
    assert metrics.value("grpc_server_handled_total", **labels) == 1
    await server.stop(None)


async def test_a_client_without_a_certificate_is_turned_away(tmp_path: Path) -> None:
    authority = Authority(tmp_path, SystemClock())
    tls = ServerTls(authority.server("server", ["localhost"]), authority.certificate)
    server = RpcServer(f"unix:{tmp_path}/rpc.sock", tls=tls, reflection=False)
    add_sample_to_server(Sample(), server)
    await server.start()
    anonymous = connect(f"unix:{tmp_path}/rpc.sock", tls=ClientTls(authority.certificate, server_name="localhost"))
    async with anonymous as channel:
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await health(channel).Check(HealthCheckRequest(), timeout=5)
        assert told.value.code() is grpc.StatusCode.UNAVAILABLE
    await server.stop(None)
