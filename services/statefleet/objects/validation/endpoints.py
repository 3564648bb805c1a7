"""Judge Endpoints and EndpointSlices. Pure."""

from __future__ import annotations

from typing import Final

from statefleet.api.core.v1.endpoints_pb2 import EndpointAddress, EndpointPort, Endpoints, EndpointSubset
from statefleet.api.discovery.v1 import endpoint_slice_pb2
from statefleet.api.discovery.v1.endpoint_slice_pb2 import EndpointSlice
from statefleet.network import parse_ip
from statefleet.objects.validation.containers import PROTOCOLS
from statefleet.objects.validation.metadata import (
    IMMUTABLE,
    validate_labels,
    validate_metadata,
    validate_metadata_update,
    validate_qualified_name,
)
from statefleet.objects.validation.names import (
    Problems,
    dns_label,
    dns_subdomain,
    ip_address,
    port_number,
    public_ip,
)
from statefleet.objects.validation.report import Path, Report

_ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
_MAX_ADDRESSES: Final = 100
_MAX_PORTS: Final = 20_000
_MAX_ENDPOINTS: Final = 1000
_MAX_HINTS: Final = 8
_MAX_TOPOLOGY: Final = 16


def validate_endpoints(report: Report, endpoints: Endpoints) -> None:
    """Judge new Endpoints."""
    validate_metadata(report, endpoints.metadata, namespaced=True, name_rule=dns_subdomain)
    _validate_subsets(report, endpoints)


def validate_endpoints_update(report: Report, new: Endpoints, old: Endpoints) -> None:
    """Judge changed Endpoints."""
    validate_metadata_update(report, new.metadata, old.metadata)
    _validate_subsets(report, new)


def _validate_subsets(report: Report, endpoints: Endpoints) -> None:
    for index, subset in enumerate(endpoints.subsets):
        _validate_subset(report, ("subsets", index), subset)


def _validate_subset(report: Report, path: Path, subset: EndpointSubset) -> None:
    if not subset.addresses and not subset.not_ready_addresses:
        report.required(path, "must specify `addresses` or `notReadyAddresses`")
    for name, addresses in (("addresses", subset.addresses), ("notReadyAddresses", subset.not_ready_addresses)):
        for index, address in enumerate(addresses):
            _validate_address(report, (*path, name, index), address)
    for index, port in enumerate(subset.ports):
        _validate_port(report, (*path, "ports", index), port, needs_name=len(subset.ports) > 1)


def _validate_address(report: Report, path: Path, address: EndpointAddress) -> None:
    report.all_invalid((*path, "ip"), address.ip, ip_address(address.ip))
    if address.hostname:
        report.all_invalid((*path, "hostname"), address.hostname, dns_label(address.hostname))
    if address.HasField("node_name"):
        report.all_invalid((*path, "nodeName"), address.node_name, dns_subdomain(address.node_name))
    report.all_invalid((*path, "ip"), address.ip, public_ip(address.ip))


def _validate_port(report: Report, path: Path, port: EndpointPort, *, needs_name: bool) -> None:
    if port.name:
        report.all_invalid((*path, "name"), port.name, dns_label(port.name))
    elif needs_name:
        report.required((*path, "name"))
    report.all_invalid((*path, "port"), port.port, port_number(port.port))
    report.one_of((*path, "protocol"), port.protocol, PROTOCOLS)
    if port.HasField("app_protocol"):
        validate_qualified_name(report, (*path, "appProtocol"), port.app_protocol)


def validate_endpoint_slice(report: Report, endpoint_slice: EndpointSlice) -> None:
    """Judge a new EndpointSlice."""
    validate_metadata(report, endpoint_slice.metadata, namespaced=True, name_rule=dns_subdomain)
    _validate_slice(report, endpoint_slice)


def validate_endpoint_slice_update(report: Report, new: EndpointSlice, old: EndpointSlice) -> None:
    """Judge a changed EndpointSlice: its address type stays."""
    validate_metadata_update(report, new.metadata, old.metadata)
    _validate_slice(report, new)
    if new.address_type != old.address_type:
        report.invalid(("addressType",), new.address_type, IMMUTABLE)


def _validate_slice(report: Report, endpoint_slice: EndpointSlice) -> None:
    report.one_of(("addressType",), endpoint_slice.address_type, _ADDRESS_TYPES)
    endpoints, ports = endpoint_slice.endpoints, endpoint_slice.ports
    if len(endpoints) > _MAX_ENDPOINTS:
        report.too_many(("endpoints",), len(endpoints), _MAX_ENDPOINTS)
    else:
        for index, endpoint in enumerate(endpoints):
            _validate_endpoint(report, ("endpoints", index), endpoint, endpoint_slice.address_type)
    if len(ports) > _MAX_PORTS:
        report.too_many(("ports",), len(ports), _MAX_PORTS)
        return
    names: set[str] = set()
    for index, port in enumerate(ports):
        _validate_slice_port(report, ("ports", index), port, names)


def _validate_endpoint(report: Report, path: Path, endpoint: endpoint_slice_pb2.Endpoint, address_type: str) -> None:
    at = (*path, "addresses")
    if not endpoint.addresses:
        report.required(at, "must contain at least 1 address")
    elif len(endpoint.addresses) > _MAX_ADDRESSES:
        report.too_many(at, len(endpoint.addresses), _MAX_ADDRESSES)
    for index, address in enumerate(endpoint.addresses):
        report.all_invalid((*at, index), address, _address_problems(address, address_type))
    if endpoint.HasField("node_name"):
        report.all_invalid((*path, "nodeName"), endpoint.node_name, dns_subdomain(endpoint.node_name))
    if len(endpoint.deprecated_topology) > _MAX_TOPOLOGY:
        topology = endpoint.deprecated_topology
        report.too_many((*path, "deprecatedTopology"), len(topology), _MAX_TOPOLOGY)
    validate_labels(report, (*path, "deprecatedTopology"), endpoint.deprecated_topology)
    if endpoint.HasField("hostname"):
        report.all_invalid((*path, "hostname"), endpoint.hostname, dns_label(endpoint.hostname))
    if endpoint.HasField("hints"):
        _validate_hints(report, (*path, "hints"), endpoint.hints)


def _address_problems(address: str, address_type: str) -> Problems:
    if address_type == "FQDN":
        problems = dns_subdomain(address.removesuffix("."))
        if not problems and "." not in address.removesuffix("."):
            return ("should be a domain with at least two segments separated by dots",)
        return problems
    parsed = parse_ip(address)
    if address_type in ("IPv4", "IPv6") and (parsed is None or f"IPv{parsed.version}" != address_type):
        return (f"must be a valid {address_type} address",)
    return public_ip(address)


def _validate_hints(report: Report, path: Path, hints: endpoint_slice_pb2.EndpointHints) -> None:
    _validate_hint_names(report, (*path, "forZones"), [zone.name for zone in hints.for_zones])
    _validate_hint_names(report, (*path, "forNodes"), [node.name for node in hints.for_nodes])


def _validate_hint_names(report: Report, path: Path, names: list[str]) -> None:
    if len(names) > _MAX_HINTS:
        report.too_many(path, len(names), _MAX_HINTS)
        return
    for index, name in enumerate(names):
        if name in names[:index]:
            report.duplicate((*path, index, "name"), name)
        report.all_invalid((*path, index, "name"), name, dns_subdomain(name))


def _validate_slice_port(report: Report, path: Path, port: endpoint_slice_pb2.EndpointPort, names: set[str]) -> None:
    if port.name:
        report.all_invalid((*path, "name"), port.name, dns_label(port.name))
    if port.name in names:
        report.duplicate((*path, "name"), port.name)
    names.add(port.name)
    report.one_of((*path, "protocol"), port.protocol, PROTOCOLS)
    if port.HasField("app_protocol"):
        validate_qualified_name(report, (*path, "appProtocol"), port.app_protocol)
