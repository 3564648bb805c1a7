from __future__ import annotations

from typing import Any

import pytest

from statefleet.api.object.v1.object_pb2 import Object
from statefleet.objects.kinds import KINDS, Kind
from statefleet.store.stamp import stamp
from support.stores import pod_object


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("version", [0, 7, 10**6, 2**64 - 1])
def test_a_stamp_sets_the_version_of_every_kind_and_nothing_else(kind: Kind[Any], version: int) -> None:
    wrapped = Object()
    inner = getattr(wrapped, kind.oneof)
    inner.metadata.name = "x"
    inner.metadata.labels["a"] = "b"
    read = Object.FromString(stamp(kind.name, wrapped.SerializeToString(), version))
    inner.metadata.resource_version = str(version)
    assert read == wrapped


def test_the_newest_stamp_counts() -> None:
    data = stamp("Pod", stamp("Pod", pod_object("a").SerializeToString(), 123456), 7)
    assert Object.FromString(data).pod.metadata.resource_version == "7"


def test_a_kind_that_is_unknown_cannot_be_stamped() -> None:
    with pytest.raises(KeyError):
        stamp("Gadget", b"", 1)
