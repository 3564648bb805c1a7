"""The kinds that are served, read from the protobuf descriptors. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.config_pb2 import ConfigMap, Secret
from statefleet.api.core.v1.endpoints_pb2 import Endpoints
from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.core.v1.namespace_pb2 import Namespace
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.service_account_pb2 import ServiceAccount
from statefleet.api.core.v1.service_pb2 import Service
from statefleet.api.discovery.v1.endpoint_slice_pb2 import EndpointSlice
from statefleet.api.meta.v1 import options_pb2
from statefleet.api.object.v1.object_pb2 import Object, ObjectKey
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass

M = TypeVar("M", bound=Message)

WORKLOADS = options_pb2.SERVICE_WORKLOADS
REVISIONS = options_pb2.SERVICE_REVISIONS
NODES = options_pb2.SERVICE_NODES


@dataclass(frozen=True, eq=False)
class Kind(Generic[M]):
    """One kind: its names, scope and message type. Compared by identity: there is one instance a kind."""

    name: str
    group: str
    version: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    namespaced: bool
    subresources: tuple[str, ...]
    categories: tuple[str, ...]
    service: int
    message: type[M]
    oneof: str
    """The field of Object that holds it."""
    number: int
    """That field's number."""

    @property
    def api_version(self) -> str:
        """The apiVersion of its objects, such as apps/v1 or v1."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The plural with its group, as error messages name it: statefulsets.apps, pods."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def wrap(self, message: M) -> Object:
        """Return an Object that holds a copy of the message."""
        fields: dict[str, Any] = {self.oneof: message}
        return Object(**fields)

    def unwrap(self, wrapped: Object) -> M:
        """Return the message that an Object of this kind holds, shared with it."""
        message: M = getattr(wrapped, self.oneof)
        return message

    def key(self, message: Any) -> ObjectKey:
        """Return the key of an object of this kind."""
        meta = message.metadata
        return ObjectKey(kind=self.name, namespace=meta.namespace, name=meta.name)


def _describe(message: type[M]) -> Kind[M]:
    descriptor = message.DESCRIPTOR
    resource = descriptor.GetOptions().Extensions[options_pb2.resource]
    field = next(f for f in Object.DESCRIPTOR.oneofs_by_name["kind"].fields if f.message_type is descriptor)
    return Kind(
        name=descriptor.name,
        group=resource.group,
        version=resource.version,
        plural=resource.plural,
        singular=descriptor.name.lower(),
        short_names=tuple(resource.short_names),
        namespaced=resource.namespaced,
        subresources=tuple(resource.subresources),
        categories=tuple(resource.categories),
        service=resource.service,
        message=message,
        oneof=field.name,
        number=field.number,
    )


STATEFUL_SET = _describe(StatefulSet)
DAEMON_SET = _describe(DaemonSet)
CONTROLLER_REVISION = _describe(ControllerRevision)
POD = _describe(Pod)
NODE = _describe(Node)
SERVICE = _describe(Service)
ENDPOINTS = _describe(Endpoints)
ENDPOINT_SLICE = _describe(EndpointSlice)
PERSISTENT_VOLUME_CLAIM = _describe(PersistentVolumeClaim)
PERSISTENT_VOLUME = _describe(PersistentVolume)
STORAGE_CLASS = _describe(StorageClass)
CONFIG_MAP = _describe(ConfigMap)
SECRET = _describe(Secret)
NAMESPACE = _describe(Namespace)
SERVICE_ACCOUNT = _describe(ServiceAccount)
EVENT = _describe(Event)
POD_DISRUPTION_BUDGET = _describe(PodDisruptionBudget)

KINDS: dict[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        STATEFUL_SET, DAEMON_SET, CONTROLLER_REVISION, POD, NODE, SERVICE, ENDPOINTS, ENDPOINT_SLICE,
        PERSISTENT_VOLUME_CLAIM, PERSISTENT_VOLUME, STORAGE_CLASS, CONFIG_MAP, SECRET, NAMESPACE, SERVICE_ACCOUNT,
        EVENT, POD_DISRUPTION_BUDGET,
    )
}  # fmt: skip
"""Every kind by its name."""

_BY_MESSAGE: dict[type[Message], Kind[Any]] = {kind.message: kind for kind in KINDS.values()}


def kind_of(message: Message) -> Kind[Any]:
    """Return the kind of an object. KeyError where the message is not a kind."""
    return _BY_MESSAGE[type(message)]


def held_kind(wrapped: Object) -> Kind[Any]:
    """Return the kind that an Object holds. ValueError where it holds none."""
    name = wrapped.WhichOneof("kind")
    if name is None:
        raise ValueError("the object is empty")
    return kind_of(getattr(wrapped, name))
