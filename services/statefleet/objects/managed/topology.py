"""Tell which parts of an object have owners of their own, and what names the items of a list. Pure.

A list that a strategic merge patch merges has an owner for each item, every other list one owner in all; objects and
maps have an owner for each field. What Kubernetes has otherwise is listed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from statefleet.objects import schema
from statefleet.objects.codec import compact_json
from statefleet.objects.schema import Field, Shape


class Granularity(Enum):
    """Of what a value consists for its owners."""

    ATOMIC = 1
    """Of itself: a scalar, or an object or a list that is owned as one."""
    OBJECT = 2
    """Of the fields that its message has."""
    MAP = 3
    """Of its keys."""
    SET = 4
    """Of scalars, each once."""
    LIST = 5
    """Of objects that are named by some of their fields."""


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """How a value is divided among owners."""

    granularity: Granularity
    descriptor: Descriptor | None = None
    """The message of an object, or of a list's items."""
    keys: tuple[str, ...] = ()
    """The fields that name a list's items, sorted."""
    is_atomic: bool = False
    """Whether the value has one owner in all."""

    def part(self, step: str) -> Topology:
        """Return how one part is divided, such as `f:spec` of an object or `k:{...}` of a list."""
        if self.granularity is Granularity.OBJECT:
            assert self.descriptor is not None
            return _fields(self.descriptor).get(step, ATOMIC)
        if self.granularity is Granularity.LIST:
            assert self.descriptor is not None
            return topology(self.descriptor)
        return ATOMIC

    def step_to(self, item: Any) -> str:
        """Return the path element that names an item of a set or a list, such as `k:{"name":"c"}` or `v:"a"`."""
        if self.granularity is Granularity.SET or not isinstance(item, dict):
            return "v:" + compact_json(item).decode()
        named = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in self.keys}
        return "k:" + compact_json(named).decode()

    def nameless(self, item: Any) -> str:
        """Return the first key field that an item of a list lacks and that has no default; empty where none does."""
        if self.granularity is not Granularity.LIST:
            return ""
        lacking = (key for key in self.keys if item.get(key) is None and key not in _KEY_DEFAULTS)
        return next(lacking, "")


ATOMIC: Final = Topology(Granularity.ATOMIC, is_atomic=True)
_MAP: Final = Topology(Granularity.MAP)
_SET: Final = Topology(Granularity.SET)

_KEY_DEFAULTS: Final = {"protocol": "TCP"}
"""What a field that names an item is where it is left out."""

_ATOMIC_MESSAGES: Final = frozenset(
    {
        "core.v1.ConfigMapKeySelector",
        "core.v1.EndpointAddress",
        "core.v1.EndpointPort",
        "core.v1.FileKeySelector",
        "core.v1.LocalObjectReference",
        "core.v1.NodeSelector",
        "core.v1.NodeSelectorTerm",
        "core.v1.ObjectFieldSelector",
        "core.v1.ObjectReference",
        "core.v1.ResourceFieldSelector",
        "core.v1.SecretKeySelector",
        "core.v1.SecretReference",
        "core.v1.TopologySelectorTerm",
        "core.v1.TypedLocalObjectReference",
        "discovery.v1.EndpointPort",
        "meta.v1.LabelSelector",
        "meta.v1.OwnerReference",
    }
)
"""Messages that are owned as one wherever they stand, but for the fields in _GRANULAR."""

_GRANULAR: Final = frozenset({"core.v1.PersistentVolumeSpec.claimRef"})
"""Fields whose message is divided though its kind is not."""

_ATOMIC_FIELDS: Final = frozenset(
    {
        "core.v1.PodSpec.nodeSelector",
        "core.v1.PodStatus.hostIPs",
        "core.v1.PodStatus.nodeAllocatableResourceClaimStatuses",
        "core.v1.ServiceSpec.selector",
    }
)
"""Maps, and lists that a strategic merge patch merges, that are owned as one."""

_SET_FIELDS: Final = frozenset(
    {
        "core.v1.ContainerRestartRuleOnExitCodes.values",
        "core.v1.NodeAllocatableResourceClaimStatus.containers",
        "core.v1.NodePodPreemptionPolicy.disableResizePreemption",
        "discovery.v1.Endpoint.addresses",
    }
)
"""Lists of scalars that a strategic merge patch replaces and that have an owner for each."""

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "core.v1.Container.ports": ("containerPort", "protocol"),
    "core.v1.EphemeralContainerCommon.ports": ("containerPort", "protocol"),
    "core.v1.PodSpec.topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "core.v1.PodStatus.volumeHealth": ("name",),
    "core.v1.PodVolumeHealth.healthConditions": ("reason", "status"),
    "core.v1.ResourceRequirements.claims": ("name",),
    "core.v1.ResourceStatus.resources": ("resourceID",),
    "core.v1.ServiceSpec.ports": ("port", "protocol"),
    "core.v1.VolumeHealthStatus.healthConditions": ("reason", "status"),
}
"""Lists whose items are named otherwise than by the merge key of a strategic merge patch."""

EXCEPTIONS: Final = frozenset().union(_ATOMIC_MESSAGES, _GRANULAR, _ATOMIC_FIELDS, _SET_FIELDS, _KEYS)
"""Every message and field that is named here."""

_PREFIX: Final = "statefleet.api."


@cache
def topology(descriptor: Descriptor) -> Topology:
    """Return how messages of a type are divided."""
    if descriptor in schema.LEAVES or descriptor.full_name.removeprefix(_PREFIX) in _ATOMIC_MESSAGES:
        return ATOMIC
    return Topology(Granularity.OBJECT, descriptor)


def field_topology(field: FieldDescriptor) -> Topology:
    """Return how a field's value is divided; it matters only where the message that has the field is divided too."""
    assert field.containing_type is not None
    return _fields(field.containing_type)[f"f:{field.json_name}"]


@cache
def _fields(descriptor: Descriptor) -> dict[str, Topology]:
    return {f"f:{name}": _of_field(field) for name, field in schema.json_fields(descriptor).items()}


def _of_field(field: Field) -> Topology:
    name = f"{field.owner.full_name.removeprefix(_PREFIX)}.{field.json_name}"
    if name in _ATOMIC_FIELDS:
        return ATOMIC
    if field.shape is Shape.MAP:
        return _MAP
    if field.shape is Shape.LIST:
        return _of_list(field, name)
    if not field.is_object:
        return ATOMIC
    return Topology(Granularity.OBJECT, field.nested) if name in _GRANULAR else topology(field.nested)


def _of_list(field: Field, name: str) -> Topology:
    if not field.is_object:
        return _SET if name in _SET_FIELDS or "merge" in field.strategies else ATOMIC
    keys = _KEYS.get(name) or ((field.merge_key,) if "merge" in field.strategies else ())
    return Topology(Granularity.LIST, field.nested, keys) if keys else ATOMIC
