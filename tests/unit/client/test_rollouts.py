"""The client of rollouts: what it asks, and what it does when a connection breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from statefleet.api.rollouts.v1.rollouts_pb2 import (
    Progress,
    RestartResponse,
    SetPartitionResponse,
    StatusResponse,
    UndoResponse,
    WaitResponse,
    WatchResponse,
)
from statefleet.api.rollouts.v1.rollouts_pb2_grpc import RolloutsServicer, add_RolloutsServicer_to_server
from statefleet.client import connect
from statefleet.client.rollouts import Rollouts, Target, daemon_set, stateful_set
from statefleet.errors import NotFound, Unavailable
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from support.fake_services import FakeService

WEB = stateful_set("web")


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
async def rollouts(service: FakeService) -> AsyncIterator[Rollouts]:
    def method(name: str) -> Any:
        answer = service.stream if name == "Watch" else service.unary
        return lambda _, request, __: answer(name, request)

    names = [name for name in vars(RolloutsServicer) if not name.startswith("_")]
    servicer = type("Servicer", (RolloutsServicer,), {name: method(name) for name in names})()
    server: Any = InProcessServer([CallInterceptor(clock=SystemClock(), rand=SystemRand(1))])
    add_RolloutsServicer_to_server(servicer, server)
    await server.start()
    client = Rollouts(server.channel(), field_manager="me", rand=SystemRand(2))
    yield client
    await client.close()
    await server.stop(None)


def a_step(generation: int) -> WatchResponse:
    return WatchResponse(progress=Progress(target=WEB, generation=generation))


def test_targets_have_names() -> None:
    assert Target(kind="StatefulSet", namespace="default", name="web") == WEB
    assert daemon_set("agent", "kube") == Target(kind="DaemonSet", namespace="kube", name="agent")


async def test_a_status_is_asked_for(rollouts: Rollouts, service: FakeService) -> None:
    service.answer(StatusResponse(progress=Progress(generation=4)))
    assert (await rollouts.status(WEB)).generation == 4
    assert service.last().target == WEB


async def test_writes_say_who_writes_and_can_be_repeated(rollouts: Rollouts, service: FakeService) -> None:
    service.answer(Unavailable("no"), UndoResponse(changed=True), RestartResponse(), SetPartitionResponse())
    assert (await rollouts.undo(WEB, 3)).changed
    (_, first), (_, second) = service.requests
    assert first == second
    assert (first.to_revision, first.options.field_manager) == (3, "me")
    await rollouts.restart(WEB, field_manager="other", request_id="mine", dry_run=True)
    options = service.last().options
    assert (options.field_manager, options.request_id, options.dry_run) == ("other", "mine", True)
    await rollouts.set_partition(WEB, 2)
    assert service.last().partition == 2
    assert len({request.options.request_id for _, request in service.requests}) == 3


async def test_a_wait_says_how_long(rollouts: Rollouts, service: FakeService) -> None:
    service.answer(WaitResponse(progress=Progress(state=Progress.STATE_DONE)))
    assert (await rollouts.wait(WEB, timeout=1.5, patience=0)).state == Progress.STATE_DONE
    request = service.last()
    assert (request.timeout.ToMilliseconds(), request.HasField("patience")) == (1500, True)


async def test_a_watch_that_breaks_is_taken_up_again_without_repeating_itself(
    rollouts: Rollouts, service: FakeService
) -> None:
    service.answer([a_step(1), a_step(2), Unavailable("broken")], [a_step(2), a_step(3)], [NotFound("gone")])
    async with aclosing(rollouts.watch(WEB)) as steps:
        assert [(await anext(steps)).generation for _ in range(3)] == [1, 2, 3]
        with pytest.raises(NotFound, match="gone"):
            await anext(steps)


async def test_certificates_that_are_not_there_are_missed(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError, match=r"admin\.crt"):
        connect("127.0.0.1:1", tmp_path)
