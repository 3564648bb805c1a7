"""Defaults of Service, Endpoints and EndpointSlice (v1, discovery.k8s.io/v1). Pure."""

from __future__ import annotations

from statefleet.api.core.v1.endpoints_pb2 import Endpoints
from statefleet.api.core.v1.service_pb2 import Service, ServicePort, ServiceSpec
from statefleet.api.discovery.v1.endpoint_slice_pb2 import EndpointSlice

_AFFINITY_SECONDS = 10800
_CLUSTER = "Cluster"


def default_service(service: Service) -> None:
    """Fill in a Service; addresses, address families and node ports are allocated elsewhere."""
    spec = service.spec
    if not spec.type:
        spec.type = "ClusterIP"
    _default_session_affinity(spec)
    for port in spec.ports:
        _default_service_port(port)
    if spec.cluster_ip and not spec.cluster_ips:
        spec.cluster_ips.append(spec.cluster_ip)
    _default_traffic(spec)
    if spec.type == "LoadBalancer":
        _default_load_balancer(service)


def _default_session_affinity(spec: ServiceSpec) -> None:
    if not spec.session_affinity:
        spec.session_affinity = "None"
    if spec.session_affinity == "None":
        spec.ClearField("session_affinity_config")
    elif spec.session_affinity == "ClientIP":
        client = spec.session_affinity_config.client_ip
        if not client.HasField("timeout_seconds"):
            client.timeout_seconds = _AFFINITY_SECONDS


def _default_service_port(port: ServicePort) -> None:
    if not port.protocol:
        port.protocol = "TCP"
    target = port.target_port
    if not target.int_val and not target.str_val:
        target.Clear()
        target.int_val = port.port


def _default_traffic(spec: ServiceSpec) -> None:
    if not spec.external_traffic_policy and _externally_accessible(spec):
        spec.external_traffic_policy = _CLUSTER
    if not spec.HasField("internal_traffic_policy") and spec.type in ("ClusterIP", "NodePort", "LoadBalancer"):
        spec.internal_traffic_policy = _CLUSTER


def _externally_accessible(spec: ServiceSpec) -> bool:
    return spec.type in ("NodePort", "LoadBalancer") or (spec.type == "ClusterIP" and bool(spec.external_ips))


def _default_load_balancer(service: Service) -> None:
    if not service.spec.HasField("allocate_load_balancer_node_ports"):
        service.spec.allocate_load_balancer_node_ports = True
    for ingress in service.status.load_balancer.ingress:
        if ingress.ip and not ingress.HasField("ip_mode"):
            ingress.ip_mode = "VIP"


def default_endpoints(endpoints: Endpoints) -> None:
    """Fill in the ports of Endpoints."""
    for subset in endpoints.subsets:
        for port in subset.ports:
            if not port.protocol:
                port.protocol = "TCP"


def default_endpoint_slice(endpoint_slice: EndpointSlice) -> None:
    """Fill in the ports of an EndpointSlice."""
    for port in endpoint_slice.ports:
        if not port.HasField("name"):
            port.name = ""
        if not port.HasField("protocol"):
            port.protocol = "TCP"
