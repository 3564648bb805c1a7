"""Defaults of Pod and of every pod template (v1). Pure."""

from __future__ import annotations

from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.core.v1.pod_pb2 import Pod, PodSpec
from statefleet.objects.defaults.containers import default_container
from statefleet.objects.defaults.resources import normalise, pod_requests, requests_from_limits
from statefleet.objects.defaults.volumes import default_volume_source

_GRACE_SECONDS = 30


def default_pod(pod: Pod) -> None:
    """Fill in a pod: what a template has, and what only shows once there is a pod."""
    spec = pod.spec
    default_pod_spec(spec)
    for containers in (spec.containers, spec.init_containers):
        for container in containers:
            if container.HasField("resources"):
                requests_from_limits(container.resources)
    if spec.HasField("resources") and spec.resources.limits:
        pod_requests(spec)
    if not spec.HasField("enable_service_links"):
        spec.enable_service_links = True
    # Without priority classes every pod has the same priority.
    if not spec.HasField("priority"):
        spec.priority = 0
    if not spec.HasField("preemption_policy"):
        spec.preemption_policy = "PreemptLowerPriority"


def default_pod_spec(spec: PodSpec) -> None:
    """Fill in the spec of a pod or of a pod template."""
    if not spec.restart_policy:
        spec.restart_policy = "Always"
    if not spec.dns_policy:
        spec.dns_policy = "ClusterFirst"
    if not spec.scheduler_name:
        spec.scheduler_name = "default-scheduler"
    if not spec.HasField("security_context"):
        spec.security_context.SetInParent()
    if not spec.HasField("termination_grace_period_seconds"):
        spec.termination_grace_period_seconds = _GRACE_SECONDS
    _mirror_service_account(spec)
    _default_containers(spec)
    for volume in spec.volumes:
        default_volume_source(volume.volume_source)
    if spec.overhead:
        normalise(spec.overhead)


def _mirror_service_account(spec: PodSpec) -> None:
    # The old name of the field is always served with the value of the new one.
    name = spec.service_account_name
    if name:
        if spec.service_account != name:
            spec.service_account = name
    elif spec.service_account:
        spec.service_account_name = spec.service_account


def _default_containers(spec: PodSpec) -> None:
    host_network = spec.host_network
    for containers in (spec.containers, spec.init_containers):
        for container in containers:
            default_container(container)
            if host_network:
                _ports_on_host(container)
    for ephemeral in spec.ephemeral_containers:
        default_container(ephemeral.ephemeral_container_common)


def _ports_on_host(container: Container) -> None:
    for port in container.ports:
        if not port.host_port:
            port.host_port = port.container_port
