"""Work out the endpoints of a service from the pods that it selects. Pure: no I/O, clock or randomness.

The rules are Kubernetes': pods that have ended or have no address count for nothing. A pod that is not ready is
listed as not ready, unless the service publishes those too. One that is being deleted is marked so in slices;
Endpoints, which cannot say that, leave it out unless the service publishes those too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from statefleet.api.core.v1.endpoints_pb2 import EndpointAddress, EndpointPort, Endpoints, EndpointSubset
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.reference_pb2 import ObjectReference
from statefleet.api.core.v1.service_pb2 import Service, ServicePort
from statefleet.api.discovery.v1.endpoint_slice_pb2 import EndpointSlice
from statefleet.objects.meta import (
    HEADLESS_LABEL,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    controller_reference,
    is_deleting,
)
from statefleet.objects.pods import is_ready, is_terminal

MANAGER = "endpointslice-controller.k8s.io"
"""What marks the slices that are ours."""
ENDPOINTS_MANAGED_BY_LABEL = "endpoints.kubernetes.io/managed-by"
ENDPOINTS_MANAGER = "endpoint-controller"
"""Mark the Endpoints that are ours."""
OVER_CAPACITY_ANNOTATION = "endpoints.kubernetes.io/over-capacity"
"""On Endpoints that leave pods out because there are too many."""
LARGEST_SLICE = 1000
"""How many endpoints a slice has at most: as many as Kubernetes allows, so that few slices change with a pod."""
MOST_ADDRESSES = 1000
"""How many addresses Endpoints hold at most, as in Kubernetes."""

Ports = tuple[tuple[str, int, str], ...]
"""Name, number and protocol of each port, sorted."""


def selected(service: Service, pods: Iterable[Pod]) -> list[Pod]:
    """Return the pods that stand behind a service, by name; those that have ended or have no address are left out."""
    wanted = service.spec.selector.items()
    found = [
        pod
        for pod in pods
        if pod.status.pod_ip
        and not is_terminal(pod)
        and all(pod.metadata.labels.get(key) == text for key, text in wanted)
    ]
    return sorted(found, key=lambda pod: pod.metadata.name)


def ports_of(service: Service, pod: Pod) -> Ports:
    """Return the ports at which a pod offers the service; a named one that the pod does not have is left out."""
    found = []
    for port in service.spec.ports:
        number = _target(port, pod)
        if number:
            found.append((port.name, number, port.protocol or "TCP"))
    return tuple(sorted(found))


def _target(port: ServicePort, pod: Pod) -> int:
    target = port.target_port
    if target.type != 1:
        return target.int_val or port.port
    for container in pod.spec.containers:
        for offered in container.ports:
            if offered.name == target.str_val and (offered.protocol or "TCP") == (port.protocol or "TCP"):
                return offered.container_port
    return 0


def has_endpoints(service: Service) -> bool:
    """Return whether the endpoints of a service are worked out here, and not by whoever made it."""
    return bool(service.spec.selector) and service.spec.type != "ExternalName"


def endpoints_of(service: Service, pods: Sequence[Pod]) -> Endpoints:
    """Return the Endpoints object of a service; `pods` as `selected` returns them."""
    published = service.spec.publish_not_ready_addresses
    listed = [pod for pod in pods if published or not is_deleting(pod.metadata)]
    result = Endpoints()
    meta = result.metadata
    meta.name, meta.namespace = service.metadata.name, service.metadata.namespace
    meta.labels.update(_labels(service))
    meta.labels[ENDPOINTS_MANAGED_BY_LABEL] = ENDPOINTS_MANAGER
    if len(listed) > MOST_ADDRESSES:
        meta.annotations[OVER_CAPACITY_ANNOTATION] = "truncated"
        listed = sorted(listed, key=lambda pod: not is_ready(pod))[:MOST_ADDRESSES]
    result.subsets.extend(_subsets(service, listed))
    return result


def _subsets(service: Service, pods: Sequence[Pod]) -> Iterable[EndpointSubset]:
    groups: dict[Ports, EndpointSubset] = {}
    for pod in pods:
        ports = ports_of(service, pod)
        if service.spec.ports and not ports:
            continue
        subset = groups.get(ports)
        if subset is None:
            subset = groups[ports] = EndpointSubset()
            for name, number, protocol in ports:
                subset.ports.append(EndpointPort(name=name or None, port=number, protocol=protocol))
        ready = service.spec.publish_not_ready_addresses or is_ready(pod)
        (subset.addresses if ready else subset.not_ready_addresses).append(_address(service, pod))
    return [groups[ports] for ports in sorted(groups)]


def _address(service: Service, pod: Pod) -> EndpointAddress:
    return EndpointAddress(
        ip=pod.status.pod_ip,
        hostname=_hostname(service, pod),
        node_name=pod.spec.node_name,
        target_ref=_reference(pod),
    )


def _hostname(service: Service, pod: Pod) -> str | None:
    named = pod.spec.hostname and pod.spec.subdomain == service.metadata.name
    return str(pod.spec.hostname) if named else None


def _reference(pod: Pod) -> ObjectReference:
    meta = pod.metadata
    return ObjectReference(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid)


def _labels(service: Service) -> dict[str, str]:
    labels = dict(service.metadata.labels)
    if service.spec.cluster_ip == "None":
        labels[HEADLESS_LABEL] = ""
    return labels


def slices_of(service: Service, pods: Sequence[Pod]) -> list[EndpointSlice]:
    """Return the EndpointSlices of a service, named by their place; `pods` as `selected` returns them."""
    groups: defaultdict[Ports, list[Pod]] = defaultdict(list)
    for pod in pods:
        ports = ports_of(service, pod)
        if ports or not service.spec.ports:
            groups[ports].append(pod)
    slices: list[EndpointSlice] = []
    for ports in sorted(groups):
        for start in range(0, len(groups[ports]), LARGEST_SLICE):
            members = groups[ports][start : start + LARGEST_SLICE]
            slices.append(_slice(service, ports, members, len(slices)))
    return slices or [_slice(service, (), [], 0)]


def _slice(service: Service, ports: Ports, pods: Sequence[Pod], index: int) -> EndpointSlice:
    result = EndpointSlice(address_type="IPv4")
    meta = result.metadata
    meta.name, meta.namespace = f"{service.metadata.name}-{index}", service.metadata.namespace
    meta.labels.update(_labels(service))
    meta.labels[SERVICE_NAME_LABEL] = service.metadata.name
    meta.labels[MANAGED_BY_LABEL] = MANAGER
    meta.owner_references.append(controller_reference(service))
    for name, number, protocol in ports:
        result.ports.add(name=name, port=number, protocol=protocol)
    for pod in pods:
        terminating = is_deleting(pod.metadata)
        serving = is_ready(pod)
        endpoint = result.endpoints.add(
            addresses=[pod.status.pod_ip],
            hostname=_hostname(service, pod),
            node_name=pod.spec.node_name,
            target_ref=_reference(pod),
        )
        published = service.spec.publish_not_ready_addresses
        endpoint.conditions.ready = published or (serving and not terminating)
        endpoint.conditions.serving, endpoint.conditions.terminating = serving, terminating
    return result
