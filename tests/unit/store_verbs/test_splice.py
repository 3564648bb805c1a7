"""Messages made of stored bytes equal those made of decoded objects."""

from __future__ import annotations

import pytest

from statefleet.api.object.v1.object_pb2 import Object
from statefleet.api.object.v1.verbs_pb2 import GetResponse, ListResponse, WatchEvent, WatchResponse, WriteResponse
from statefleet.store.entries import Entry, Key
from statefleet.store.splice import get_response, list_response, watch_response, write_response
from statefleet.store.stamp import stamp
from support.objects import a_config_map


def an_entry(version: int, size: int) -> Entry:
    data = Object(config_map=a_config_map(data={"x": "y" * size})).SerializeToString()
    return Entry(Key("ConfigMap", "default", "settings"), version, stamp("ConfigMap", data, version))


@pytest.mark.parametrize("size", [1, 100, 20_000, 3_000_000])
def test_each_message(size: int) -> None:
    entry, other = an_entry(7, size), an_entry(12345678901, 5)
    assert get_response(entry) == GetResponse(object=entry.object)
    assert write_response(entry, ["careful"]) == WriteResponse(object=entry.object, warnings=["careful"])
    assert list_response([entry, other]) == ListResponse(objects=[entry.object, other.object])
    events = [(WatchEvent.TYPE_ADDED, entry), (WatchEvent.TYPE_DELETED, other)]
    assert watch_response(events) == WatchResponse(
        events=[
            WatchEvent(type=kind, object=each.object, resource_version=str(each.version)) for kind, each in events
        ]
    )


def test_none_at_all() -> None:
    assert list_response([]) == ListResponse()
    assert watch_response([]) == WatchResponse()
