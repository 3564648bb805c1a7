"""Metrics of pods' containers, as kube-state-metrics names them. Pure: no I/O or clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.core.v1.pod_pb2 import ContainerStatus, Pod
from statefleet.state_metrics.families import Family, Sample, Samples, amount, at, labels, one

_UNITS = {"cpu": "core", "memory": "byte", "ephemeral-storage": "byte"}

Statuses = Callable[[Pod], Iterable[ContainerStatus]]


def _info(pod: Pod, status: ContainerStatus) -> Samples:
    own = labels(
        image_spec=_image_of(pod, status.name),
        image=status.image,
        image_id=status.image_id,
        container_id=status.container_id,
    )
    return ((own, 1),)


def _image_of(pod: Pod, name: str) -> str:
    for containers in (pod.spec.containers, pod.spec.init_containers):
        for container in containers:
            if container.name == name:
                return container.image
    return ""


def _waiting_reason(_: Pod, status: ContainerStatus) -> Samples:
    reason = status.state.waiting.reason
    return ((labels(reason=reason), 1),) if reason else ()


def _terminated_reason(_: Pod, status: ContainerStatus) -> Samples:
    reason = status.state.terminated.reason
    return ((labels(reason=reason), 1),) if reason else ()


def _last_terminated_reason(_: Pod, status: ContainerStatus) -> Samples:
    reason = status.last_state.terminated.reason
    return ((labels(reason=reason), 1),) if reason else ()


def _is_in(state: Literal["waiting", "running", "terminated"]) -> Callable[[Pod, ContainerStatus], Samples]:
    return lambda _, status: one(int(status.state.HasField(state)))


def _of_each(samples: Callable[[Pod, ContainerStatus], Samples], statuses: Statuses) -> Callable[[Pod], list[Sample]]:
    def of_each(pod: Pod) -> list[Sample]:
        found: list[Sample] = []
        for status in statuses(pod):
            own = labels(container=status.name)
            found += [(f"{own},{more}" if more else own, value) for more, value in samples(pod, status)]
        return found

    return of_each


def _status_families(prefix: str, whose: str, statuses: Statuses) -> Iterator[Family[Pod]]:
    def family(name: str, text: str, samples: Callable[[Pod, ContainerStatus], Samples]) -> Family[Pod]:
        kind = "counter" if name.endswith("_total") else "gauge"
        return Family(f"{prefix}_{name}", text, _of_each(samples, statuses), kind)

    yield family("info", f"The {whose}'s image.", _info)
    yield family("status_waiting", f"Whether the {whose} waits.", _is_in("waiting"))
    yield family("status_waiting_reason", f"Why the {whose} waits.", _waiting_reason)
    yield family("status_running", f"Whether the {whose} runs.", _is_in("running"))
    yield family("status_terminated", f"Whether the {whose} has ended.", _is_in("terminated"))
    yield family("status_terminated_reason", f"Why the {whose} has ended.", _terminated_reason)
    yield family("status_last_terminated_reason", f"Why the {whose} last ended.", _last_terminated_reason)
    yield family("status_ready", f"Whether the {whose} is ready.", lambda _, status: one(int(status.ready)))
    yield family(
        "status_restarts_total", f"How often the {whose} was restarted.", lambda _, status: one(status.restart_count)
    )


def _started(_: Pod, status: ContainerStatus) -> Samples:
    return at(status.state.running.started_at)


def _resources(of: str) -> Callable[[Pod], Iterator[Sample]]:
    def samples(pod: Pod) -> Iterator[Sample]:
        for container in pod.spec.containers:
            yield from _amounts(container, of, pod.spec.node_name)

    return samples


def _amounts(container: Container, of: str, node: str) -> Iterator[Sample]:
    quantities = getattr(container.resources, of)
    for name in sorted(quantities):
        unit = _UNITS.get(name)
        if unit is not None:
            resource = name.replace("-", "_")
            own = labels(container=container.name, node=node, resource=resource, unit=unit)
            yield own, amount(quantities[name].string)


def _main(pod: Pod) -> Iterable[ContainerStatus]:
    return pod.status.container_statuses


def _init(pod: Pod) -> Iterable[ContainerStatus]:
    return pod.status.init_container_statuses


CONTAINER_FAMILIES: tuple[Family[Pod], ...] = (
    *_status_families("kube_pod_container", "container", _main),
    Family("kube_pod_container_state_started", "When the container started.", _of_each(_started, _main)),
    Family("kube_pod_container_resource_requests", "What the container asks of its node.", _resources("requests")),
    Family("kube_pod_container_resource_limits", "What the container may take of its node.", _resources("limits")),
    *_status_families("kube_pod_init_container", "init container", _init),
)
