"""Judge Services. Pure."""

from __future__ import annotations

from typing import Final

from statefleet.api.core.v1.service_pb2 import Service, ServicePort, ServiceSpec
from statefleet.network import parse_ip
from statefleet.objects.validation.addresses import validate_addresses, validate_addresses_update
from statefleet.objects.validation.containers import PROTOCOLS
from statefleet.objects.validation.literals import Raw, quote
from statefleet.objects.validation.metadata import (
    validate_labels,
    validate_metadata,
    validate_metadata_update,
    validate_qualified_name,
)
from statefleet.objects.validation.names import (
    cidr,
    dns_1035_label,
    dns_label,
    dns_subdomain,
    ip_address,
    port_number,
    public_ip,
)
from statefleet.objects.validation.probes import validate_port
from statefleet.objects.validation.report import Path, Report

_SPEC: Final[Path] = ("spec",)
_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITIES: Final = ("ClientIP", "None")
_TRAFFIC_POLICIES: Final = ("Cluster", "Local")
_DISTRIBUTIONS: Final = ("PreferClose", "PreferSameNode", "PreferSameZone")
_MAX_AFFINITY_SECONDS: Final = 86400
_BALANCERS_ONLY: Final = "may only be used when `type` is 'LoadBalancer'"


def validate_service(report: Report, service: Service) -> None:
    """Judge a new Service."""
    validate_metadata(report, service.metadata, namespaced=True, name_rule=dns_1035_label)
    _validate_service_spec(report, service.spec)


def _validate_service_spec(report: Report, spec: ServiceSpec) -> None:
    headless = is_headless(spec)
    if not spec.ports and not headless and spec.type != "ExternalName":
        report.required((*_SPEC, "ports"))
    _validate_type(report, spec, headless=headless)
    names: set[str] = set()
    for index, port in enumerate(spec.ports):
        _validate_service_port(report, (*_SPEC, "ports", index), port, names, needs_name=len(spec.ports) > 1)
    if spec.selector:
        validate_labels(report, (*_SPEC, "selector"), spec.selector)
    _validate_session_affinity(report, spec)
    validate_addresses(report, spec)
    for index, address in enumerate(spec.external_ips):
        problems = ip_address(address) or public_ip(address)
        report.all_invalid((*_SPEC, "externalIPs", index), address, problems)
    report.one_of((*_SPEC, "type"), spec.type, _TYPES)
    _validate_unique_ports(report, spec)
    _validate_load_balancer(report, spec)
    _validate_traffic(report, spec)


def is_headless(spec: ServiceSpec) -> bool:
    """Return whether a Service has names only and no address."""
    return list(spec.cluster_ips) == ["None"]


def _validate_type(report: Report, spec: ServiceSpec, *, headless: bool) -> None:
    if spec.type in ("LoadBalancer", "NodePort"):
        if headless:
            detail = f"may not be set to 'None' for {spec.type} services"
            report.invalid((*_SPEC, "clusterIPs", 0), "None", detail)
    elif spec.type == "ExternalName":
        for name, is_set in (
            ("clusterIPs", bool(spec.cluster_ips)),
            ("ipFamilies", bool(spec.ip_families)),
            ("ipFamilyPolicy", spec.HasField("ip_family_policy")),
        ):
            if is_set:
                report.forbidden((*_SPEC, name), "may not be set for ExternalName services")
        name = spec.external_name.removesuffix(".")
        if not name:
            report.required((*_SPEC, "externalName"))
        else:
            report.all_invalid((*_SPEC, "externalName"), name, dns_subdomain(name))


def _validate_service_port(
    report: Report, path: Path, port: ServicePort, names: set[str], *, needs_name: bool
) -> None:
    if port.name:
        report.all_invalid((*path, "name"), port.name, dns_label(port.name))
        if port.name in names:
            report.duplicate((*path, "name"), port.name)
        names.add(port.name)
    elif needs_name:
        report.required((*path, "name"))
    report.all_invalid((*path, "port"), port.port, port_number(port.port))
    report.one_of((*path, "protocol"), port.protocol, PROTOCOLS)
    validate_port(report, (*path, "targetPort"), port.target_port)
    if port.HasField("app_protocol"):
        validate_qualified_name(report, (*path, "appProtocol"), port.app_protocol)


def _validate_session_affinity(report: Report, spec: ServiceSpec) -> None:
    report.one_of((*_SPEC, "sessionAffinity"), spec.session_affinity, _AFFINITIES)
    path, when = (*_SPEC, "sessionAffinityConfig"), "when session affinity type is ClientIP"
    if spec.session_affinity == "None":
        if spec.HasField("session_affinity_config"):
            report.forbidden(path, "must not be set when session affinity is None")
    elif spec.session_affinity == "ClientIP":
        if not spec.HasField("session_affinity_config"):
            report.required(path, when)
        elif not spec.session_affinity_config.HasField("client_ip"):
            report.required((*path, "clientIP"), when)
        elif not spec.session_affinity_config.client_ip.HasField("timeout_seconds"):
            report.required((*path, "clientIP", "timeoutSeconds"), when)
        else:
            seconds = spec.session_affinity_config.client_ip.timeout_seconds
            if not 0 < seconds <= _MAX_AFFINITY_SECONDS:
                detail = f"must be greater than 0 and less than {_MAX_AFFINITY_SECONDS}"
                report.invalid((*path, "clientIP", "timeoutSeconds"), seconds, detail)


def _validate_unique_ports(report: Report, spec: ServiceSpec) -> None:
    ports: set[tuple[str, int]] = set()
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        if not port.node_port:
            continue
        path = (*_SPEC, "ports", index, "nodePort")
        if spec.type == "ClusterIP":
            report.forbidden(path, "may not be used when `type` is 'ClusterIP'")
        if (port.protocol, port.node_port) in node_ports:
            report.duplicate(path, port.node_port)
        node_ports.add((port.protocol, port.node_port))
    for index, port in enumerate(spec.ports):
        if (port.protocol, port.port) in ports:
            shown = Raw(
                f'core.ServicePort{{Name:"", Protocol:{quote(port.protocol)}, AppProtocol:(*string)(nil), '
                f'Port:{port.port}, TargetPort:intstr.IntOrString{{Type:0, IntVal:0, StrVal:""}}, NodePort:0}}'
            )
            report.duplicate((*_SPEC, "ports", index), shown)
        ports.add((port.protocol, port.port))


def _validate_load_balancer(report: Report, spec: ServiceSpec) -> None:
    balances = spec.type == "LoadBalancer"
    if spec.load_balancer_source_ranges:
        path = (*_SPEC, "LoadBalancerSourceRanges")
        if not balances:
            report.forbidden(path, _BALANCERS_ONLY)
        for index, source in enumerate(spec.load_balancer_source_ranges):
            report.all_invalid((*path, index), source.strip(), cidr(source.strip()))
    if spec.HasField("allocate_load_balancer_node_ports") and not balances:
        report.forbidden((*_SPEC, "allocateLoadBalancerNodePorts"), _BALANCERS_ONLY)
    if spec.HasField("load_balancer_class"):
        if balances:
            validate_qualified_name(report, (*_SPEC, "loadBalancerClass"), spec.load_balancer_class)
        else:
            report.forbidden((*_SPEC, "loadBalancerClass"), _BALANCERS_ONLY)


def _validate_traffic(report: Report, spec: ServiceSpec) -> None:
    policy, path = spec.external_traffic_policy, (*_SPEC, "externalTrafficPolicy")
    if spec.type in ("NodePort", "LoadBalancer") or (spec.type == "ClusterIP" and spec.external_ips):
        report.one_of(path, policy, _TRAFFIC_POLICIES)
    elif policy:
        report.invalid(path, policy, "may only be set for externally-accessible services")
    if spec.health_check_node_port and not (spec.type == "LoadBalancer" and policy == "Local"):
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        report.invalid((*_SPEC, "healthCheckNodePort"), spec.health_check_node_port, detail)
    if spec.HasField("internal_traffic_policy") and spec.internal_traffic_policy not in _TRAFFIC_POLICIES:
        report.not_supported((*_SPEC, "internalTrafficPolicy"), spec.internal_traffic_policy, _TRAFFIC_POLICIES)
    if spec.HasField("traffic_distribution") and spec.traffic_distribution not in _DISTRIBUTIONS:
        report.not_supported((*_SPEC, "trafficDistribution"), spec.traffic_distribution, _DISTRIBUTIONS)


def validate_service_update(report: Report, new: Service, old: Service) -> None:
    """Judge a changed Service: addresses stay once they are given."""
    validate_metadata_update(report, new.metadata, old.metadata)
    validate_addresses_update(report, new.spec, old.spec)
    same_class = new.spec.load_balancer_class == old.spec.load_balancer_class
    if new.spec.type == old.spec.type == "LoadBalancer" and not same_class:
        report.invalid((*_SPEC, "loadBalancerClass"), new.spec.load_balancer_class, "may not change once set")
    _validate_service_spec(report, new.spec)


def validate_service_status_update(report: Report, new: Service, old: Service) -> None:
    """Judge the changed status of a Service."""
    validate_metadata_update(report, new.metadata, old.metadata)
    path = ("status", "loadBalancer", "ingress")
    ingresses = new.status.load_balancer.ingress
    if ingresses and new.spec.type != "LoadBalancer":
        report.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    for index, ingress in enumerate(ingresses):
        at = (*path, index)
        if ingress.ip:
            report.all_invalid((*at, "ip"), ingress.ip, ip_address(ingress.ip))
        if ingress.HasField("ip_mode"):
            if not ingress.ip:
                report.forbidden((*at, "ipMode"), "may not be specified when `ip` is not set")
            elif ingress.ip_mode not in ("Proxy", "VIP"):
                report.not_supported((*at, "ipMode"), ingress.ip_mode, ("Proxy", "VIP"))
        if ingress.hostname:
            report.all_invalid((*at, "hostname"), ingress.hostname, dns_subdomain(ingress.hostname))
            if parse_ip(ingress.hostname) is not None:
                detail = "must be a DNS name, not an IP address"
                report.invalid((*at, "hostname"), ingress.hostname, detail)
