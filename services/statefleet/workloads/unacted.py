"""Name what nothing in the suite acts on, so that whoever writes it is told. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.message import Message

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.core.v1.persistent_volume_pb2 import (
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeSpec,
)
from statefleet.api.core.v1.pod_pb2 import Pod, PodSpec
from statefleet.api.core.v1.service_pb2 import Service, ServiceSpec

SIMULATED = "simulated"
"""The runtime that runs no container."""

_POD = {
    "active_deadline_seconds": "no pod is ended for its age",
    "ephemeral_containers": "no container is added to a pod that runs",
    "eviction_responders": "an eviction heeds disruption budgets alone",
    "priority": "no pod has priority over another",
    "priority_class_name": "no pod has priority over another",
    "resource_claims": "no device is allocated",
    "runtime_class_name": "every pod has its node's own runtime",
    "scheduling_group": "pods are scheduled one by one",
    "topology_spread_constraints": "pods are kept apart by anti-affinity alone",
}
_CONTAINER = {"restart_policy_rules": "containers are restarted as restartPolicy says"}
_CLAIM = {
    "data_source": "volumes begin empty",
    "data_source_ref": "volumes begin empty",
    "volume_attributes_class_name": "volumes have no attributes to choose",
}
_VOLUME = {
    "mount_options": "volumes are mounted without options",
    "volume_attributes_class_name": "volumes have no attributes to choose",
}
_SERVICE = {
    "external_ips": "no node takes what is sent to these addresses",
    "load_balancer_class": "there are no load balancers",
    "load_balancer_ip": "there are no load balancers",
    "load_balancer_source_ranges": "there are no load balancers",
    "traffic_distribution": "every ready endpoint is as good as another",
}
_SERVICE_VALUES = {
    ("type", "ExternalName"): "no name leads to the external one",
    ("type", "LoadBalancer"): "there are no load balancers, and nodes do not listen for services",
    ("type", "NodePort"): "nodes do not listen for services",
    ("session_affinity", "ClientIP"): "a client may be led to another pod each time",
    ("external_traffic_policy", "Local"): "nodes do not listen for services",
    ("internal_traffic_policy", "Local"): "every ready endpoint is as good as another",
}

_MOUNTED = frozenset(
    {"config_map", "downward_api", "empty_dir", "host_path", "persistent_volume_claim", "projected", "secret"}
)
"""Kinds of volumes of a pod that a runtime mounts, or would if it ran containers."""
_BACKED = frozenset({"host_path", "local"})
"""Kinds of persistent volumes of which the same is true."""

_POD_NOT_SIMULATED = (
    "dns_config", "host_aliases", "host_ipc", "host_pid", "image_pull_secrets", "security_context",
    "set_hostname_as_fqdn", "share_process_namespace",
)  # fmt: skip
_CONTAINER_NOT_SIMULATED = (
    "command", "args", "working_dir", "env_from", "env", "volume_mounts", "volume_devices", "liveness_probe",
    "readiness_probe", "startup_probe", "lifecycle", "security_context", "stdin", "tty",
)  # fmt: skip

_Rule = Callable[[str, Any, str], Iterator[str]]


def unacted(after: Message, before: Message | None = None, *, runtime: str = SIMULATED) -> list[str]:
    """Return a sentence for each field of an object that nothing acts on, with the field's path.

    After an update, given the object `before`, only what is in a changed part of the object is told again. Kinds of
    which every field is acted on have none.
    """
    known = {} if before is None else dict(_parts(before))
    changed = [(path, part) for path, part in _parts(after) if known.get(path) != part]
    return [text for path, part in changed for text in _RULES[type(part)](path, part, runtime)]


def _parts(message: Any) -> Iterator[tuple[str, Message]]:
    """Return the parts of an object that there are rules for, with their paths."""
    if isinstance(message, StatefulSet | DaemonSet):
        yield "spec.template.spec", message.spec.template.spec
    if isinstance(message, StatefulSet):
        for index, claim in enumerate(message.spec.volume_claim_templates):
            yield f"spec.volumeClaimTemplates[{index}].spec", claim.spec
    if isinstance(message, Pod | Service | PersistentVolumeClaim | PersistentVolume):
        yield "spec", message.spec


def _of_pod(path: str, spec: PodSpec, runtime: str) -> Iterator[str]:
    yield from _of_fields(path, spec, _POD)
    for field, containers in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for index, container in enumerate(containers):
            yield from _of_fields(f"{path}.{field}[{index}]", container, _CONTAINER)
    for index, container in enumerate(spec.containers):
        if container.restart_policy:
            yield _sentence(f"{path}.containers[{index}].restartPolicy", "the pod's restartPolicy is")
    for index, volume in enumerate(spec.volumes):
        yield from _of_source(f"{path}.volumes[{index}]", volume.volume_source, _MOUNTED)
    if runtime == SIMULATED:
        yield from _of_simulation(path, spec)


def _of_simulation(path: str, spec: PodSpec) -> Iterator[str]:
    """Return one sentence for all that would be acted on if containers ran."""
    containers: list[Container] = [*spec.init_containers, *spec.containers]
    names = [
        *_given(spec, _POD_NOT_SIMULATED).values(),
        *(name for container in containers for name in _given(container, _CONTAINER_NOT_SIMULATED).values()),
    ]
    if names:
        yield f"{path}: nodes are simulated: no container runs, and nothing acts on {_listed(dict.fromkeys(names))}"


def _of_service(path: str, spec: ServiceSpec, _: str) -> Iterator[str]:
    for (name, value), why in _SERVICE_VALUES.items():
        if getattr(spec, name) == value:
            yield _sentence(f"{path}.{_json_name(spec, name)}", why)
    yield from _of_fields(path, spec, _SERVICE)


def _of_claim(path: str, spec: PersistentVolumeClaimSpec, _: str) -> Iterator[str]:
    yield from _of_fields(path, spec, _CLAIM)


def _of_volume(path: str, spec: PersistentVolumeSpec, _: str) -> Iterator[str]:
    yield from _of_fields(path, spec, _VOLUME)
    yield from _of_source(path, spec.persistent_volume_source, _BACKED)


_RULES: Mapping[type[Message], _Rule] = {
    PodSpec: _of_pod,
    ServiceSpec: _of_service,
    PersistentVolumeClaimSpec: _of_claim,
    PersistentVolumeSpec: _of_volume,
}


def _of_fields(path: str, message: Message, reasons: Mapping[str, str]) -> Iterator[str]:
    for name, json_name in _given(message, reasons).items():
        yield _sentence(f"{path}.{json_name}", reasons[name])


def _of_source(path: str, source: Message, mounted: frozenset[str]) -> Iterator[str]:
    for field, _ in source.ListFields():
        if field.name not in mounted:
            yield _sentence(f"{path}.{field.json_name}", "no runtime mounts volumes of this kind")


def _given(message: Message, names: Iterable[str]) -> dict[str, str]:
    """Return those of the named fields that say something, with their names in JSON. What is empty says nothing."""
    return {name: _json_name(message, name) for name in names if _says_something(getattr(message, name))}


def _says_something(value: Any) -> bool:
    return bool(value.ByteSize() if isinstance(value, Message) else value)


def _json_name(message: Message, name: str) -> str:
    return message.DESCRIPTOR.fields_by_name[name].json_name


def _sentence(path: str, why: str) -> str:
    return f"{path}: nothing acts on it: {why}"


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
