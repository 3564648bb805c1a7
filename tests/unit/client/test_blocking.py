from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from statefleet.api.object.v1.object_pb2 import Object
from statefleet.api.object.v1.verbs_pb2 import GetResponse, ListResponse, WriteResponse
from statefleet.client.blocking import BlockingFleet
from statefleet.client.fleet import Fleet
from statefleet.errors import NotFound
from statefleet.objects.kinds import POD, WORKLOADS
from support.fake_services import FakeService, event, initial, pod, serve_fake, told


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def fleet(service: FakeService) -> Iterator[BlockingFleet]:
    async def open_fleet() -> Fleet:
        return Fleet({WORKLOADS: (await serve_fake(WORKLOADS, service)).channel()})

    with BlockingFleet(open_fleet) as fleet:
        yield fleet


def test_calls_return_when_they_are_done(fleet: BlockingFleet, service: FakeService) -> None:
    service.answer(
        GetResponse(object=Object(pod=pod("a"))),
        ListResponse(objects=[Object(pod=pod("a"))], resource_version="3"),
        WriteResponse(object=Object(pod=pod("b"))),
    )
    assert fleet.get(POD, "a", "default") == pod("a")
    assert fleet.list(POD, "default").items == [pod("a")]
    assert fleet.create(pod("b")).object == pod("b")


def test_errors_are_raised(fleet: BlockingFleet, service: FakeService) -> None:
    service.answer(NotFound("gone"))
    with pytest.raises(NotFound, match="gone"):
        fleet.get(POD, "a")


def test_streams_are_iterated(fleet: BlockingFleet, service: FakeService) -> None:
    service.answer([told(event("ADDED", pod("a", 1))), told(event("DELETED", pod("a", 2)))])
    assert [response.resource_version for response in fleet.watch([POD])] == ["1", "2"]
    service.answer([initial([pod("a", 1)], 1)])
    changes = iter(fleet.follow([POD]))
    assert next(changes).message == pod("a", 1)


def test_any_use_of_the_client(fleet: BlockingFleet, service: FakeService) -> None:
    service.answer(GetResponse(object=Object(pod=pod("a"))))
    assert fleet.run(lambda client: client.get(POD, "a")) == pod("a")


def test_its_thread_ends_with_it(service: FakeService) -> None:
    async def fail() -> Fleet:
        raise ConnectionError("no route")

    before = threading.active_count()
    with pytest.raises(ConnectionError):
        BlockingFleet(fail)
    assert threading.active_count() == before
