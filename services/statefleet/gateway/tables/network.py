"""Print services and their endpoints. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from statefleet.api.core.v1.endpoints_pb2 import Endpoints
from statefleet.api.core.v1.service_pb2 import Service, ServicePort
from statefleet.api.discovery.v1.endpoint_slice_pb2 import EndpointPort, EndpointSlice
from statefleet.gateway.tables.columns import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    WIDE,
    Cell,
    Column,
    Printer,
    first_few,
    labels_cell,
)
from statefleet.gateway.tables.durations import age


def _external(service: Service) -> str:
    """Return the addresses at which the service can be reached from outside."""
    external = list(service.spec.external_ips)
    if service.spec.type in ("ClusterIP", "NodePort"):
        return ",".join(external) or NONE
    if service.spec.type == "LoadBalancer":
        balancer = sorted({entry.ip or entry.hostname for entry in service.status.load_balancer.ingress} - {""})
        return ",".join(balancer + external) or "<pending>"
    return service.spec.external_name if service.spec.type == "ExternalName" else UNKNOWN


def _port(port: ServicePort) -> str:
    node = f":{port.node_port}" if port.node_port else ""
    return f"{port.port}{node}/{port.protocol}"


def _service(found: Service, now: float) -> list[Cell]:
    spec = found.spec
    return [
        found.metadata.name,
        spec.type,
        (spec.cluster_ips[0] if spec.cluster_ips else spec.cluster_ip) or NONE,
        _external(found),
        ",".join(map(_port, spec.ports)) or NONE,
        age(found.metadata.creation_timestamp, now),
        labels_cell(spec.selector),
    ]


def _addresses(found: Endpoints) -> Iterator[str]:
    """Yield the ready addresses with each of their ports; without one where the service has none."""
    for subset in found.subsets:
        if not subset.ports:
            yield from (address.ip for address in subset.addresses)
        for port in subset.ports:
            for address in subset.addresses:
                host = f"[{address.ip}]" if ":" in address.ip else address.ip
                yield f"{host}:{port.port}"


def _endpoints(found: Endpoints, now: float) -> list[Cell]:
    listed = first_few(_addresses(found)) if found.subsets else NONE
    return [found.metadata.name, listed, age(found.metadata.creation_timestamp, now)]


def _slice_port(port: EndpointPort) -> str:
    if port.HasField("port"):
        return str(port.port)
    return port.name if port.HasField("name") else "*"


def _slice(found: EndpointSlice, now: float) -> list[Cell]:
    addresses = (address for endpoint in found.endpoints for address in endpoint.addresses)
    return [
        found.metadata.name,
        found.address_type,
        first_few(map(_slice_port, found.ports)) or UNSET,
        first_few(addresses) or UNSET,
        age(found.metadata.creation_timestamp, now),
    ]


SERVICES: Final = Printer(
    columns=(
        NAME,
        Column("Type", "How the service is exposed."),
        Column("Cluster-IP", "Address inside the fleet; None for a headless service."),
        Column("External-IP", "Addresses at which it can be reached from outside."),
        Column("Port(s)", "Ports, with the port on every node after a colon."),
        AGE,
        Column("Selector", "Labels of the pods that it leads to.", priority=WIDE),
    ),
    cells=_service,
)
ENDPOINTS: Final = Printer(
    columns=(NAME, Column("Endpoints", "Addresses that are ready to serve."), AGE),
    cells=_endpoints,
)
ENDPOINT_SLICES: Final = Printer(
    columns=(
        NAME,
        Column("AddressType", "What the addresses are."),
        Column("Ports", "Ports of every endpoint in the slice."),
        Column("Endpoints", "Addresses of the endpoints."),
        AGE,
    ),
    cells=_slice,
)
