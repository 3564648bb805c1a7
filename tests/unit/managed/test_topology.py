"""Which parts of objects have owners of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor

from statefleet.objects import schema
from statefleet.objects.kinds import KINDS, POD, SERVICE
from statefleet.objects.managed.topology import EXCEPTIONS, Granularity, Topology, topology


def names(descriptor: Descriptor, seen: set[str]) -> Iterator[str]:
    """Yield every message and field of a type, without the package that all have."""
    name = descriptor.full_name.removeprefix("statefleet.api.")
    if name in seen or descriptor in schema.LEAVES:
        return
    seen.add(name)
    yield name
    for field in schema.json_fields(descriptor).values():
        yield f"{field.owner.full_name.removeprefix('statefleet.api.')}.{field.json_name}"
        if field.message is not None:
            yield from names(field.message, seen)


def test_every_exception_exists() -> None:
    seen: set[str] = set()
    known = {name for kind in KINDS.values() for name in names(kind.message.DESCRIPTOR, seen)}
    assert known >= EXCEPTIONS


def at(kind: Any, *path: str) -> Topology:
    found = topology(kind.message.DESCRIPTOR)
    for name in path:
        found = found.part(f"f:{name}" if ":" not in name else name)
    return found


CONTAINER = ("spec", "containers", 'k:{"name":"c"}')


@pytest.mark.parametrize(
    ("path", "granularity", "keys"),
    [
        (("metadata", "labels"), Granularity.MAP, ()),
        (("metadata", "finalizers"), Granularity.SET, ()),
        (("metadata", "ownerReferences"), Granularity.LIST, ("uid",)),
        (("spec", "containers"), Granularity.LIST, ("name",)),
        ((*CONTAINER, "ports"), Granularity.LIST, ("containerPort", "protocol")),
        ((*CONTAINER, "env"), Granularity.LIST, ("name",)),
        ((*CONTAINER, "volumeMounts"), Granularity.LIST, ("mountPath",)),
        ((*CONTAINER, "args"), Granularity.ATOMIC, ()),
        ((*CONTAINER, "resources", "limits"), Granularity.MAP, ()),
        (("spec", "tolerations"), Granularity.ATOMIC, ()),
        (("spec", "nodeSelector"), Granularity.ATOMIC, ()),
        (("spec", "imagePullSecrets"), Granularity.LIST, ("name",)),
        (("spec", "affinity"), Granularity.OBJECT, ()),
        (("status", "conditions"), Granularity.LIST, ("type",)),
        (("spec", "topologySpreadConstraints"), Granularity.LIST, ("topologyKey", "whenUnsatisfiable")),
    ],
)
def test_parts_of_a_pod(path: tuple[str, ...], granularity: Granularity, keys: tuple[str, ...]) -> None:
    found = at(POD, *path)
    assert (found.granularity, found.keys) == (granularity, keys)


def test_a_port_without_a_protocol_is_one_of_tcp() -> None:
    ports = at(SERVICE, "spec", "ports")
    assert ports.step_to({"port": 80}) == ports.step_to({"protocol": "TCP", "port": 80})
    assert ports.step_to({"port": 80}) == 'k:{"port":80,"protocol":"TCP"}'
    assert (ports.nameless({"port": 80}), ports.nameless({})) == ("", "port")
