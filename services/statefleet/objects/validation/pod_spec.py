"""Judge the spec of a pod, and pod templates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from statefleet.api.core.v1.pod_pb2 import (
    HostAlias,
    PodDNSConfig,
    PodResourceClaim,
    PodSchedulingGate,
    PodSpec,
    PodTemplateSpec,
)
from statefleet.objects.validation.containers import (
    Surroundings,
    validate_containers,
    validate_ephemeral_containers,
    validate_init_containers,
)
from statefleet.objects.validation.literals import Raw, quote, string_list
from statefleet.objects.validation.metadata import validate_annotations, validate_labels, validate_qualified_name
from statefleet.objects.validation.names import dns_label, dns_subdomain, ip_address, out_of_range, search_domain
from statefleet.objects.validation.report import Path, Report
from statefleet.objects.validation.resources import validate_pod_requirements, validate_requirements
from statefleet.objects.validation.scheduling import validate_affinity, validate_spread, validate_tolerations
from statefleet.objects.validation.security import validate_pod_security
from statefleet.objects.validation.volumes import validate_volumes

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_OPERATING_SYSTEMS: Final = ("linux", "windows")
_MAX_NAMESERVERS: Final = 3
_MAX_SEARCHES: Final = 32
_MAX_SEARCH_LENGTH: Final = 2048
_MAX_DEADLINE: Final = 2**31 - 1


def validate_pod_template(
    report: Report, path: Path, template: PodTemplateSpec, claims: Mapping[str, str] | None = None
) -> None:
    """Judge a pod template; `claims` are volumes, by name, that pods get beside those of the template."""
    validate_labels(report, (*path, "labels"), template.metadata.labels)
    validate_annotations(report, (*path, "annotations"), template.metadata.annotations)
    validate_pod_spec(report, (*path, "spec"), template.spec, claims=claims)
    if template.spec.ephemeral_containers:
        detail = "ephemeral containers not allowed in pod template"
        report.forbidden((*path, "spec", "ephemeralContainers"), detail)


def validate_pod_spec(
    report: Report, path: Path, spec: PodSpec, *, pod_name: str = "", claims: Mapping[str, str] | None = None
) -> None:
    """Judge a pod's spec after defaulting; `pod_name` is empty for a template."""
    if not spec.HasField("termination_grace_period_seconds"):
        report.required((*path, "terminationGracePeriodSeconds"))
    volumes = validate_volumes(report, (*path, "volumes"), spec.volumes, pod_name) if spec.volumes else {}
    if claims:
        volumes |= claims
    _validate_resource_claims(report, (*path, "resourceClaims"), spec.resource_claims)
    _validate_all_containers(report, path, spec, volumes)
    if spec.HasField("resources"):
        validate_pod_requirements(report, (*path, "resources"), spec.resources)
    report.one_of((*path, "restartPolicy"), spec.restart_policy, RESTART_POLICIES)
    report.one_of((*path, "dnsPolicy"), spec.dns_policy, DNS_POLICIES)
    if spec.node_selector:
        validate_labels(report, (*path, "nodeSelector"), spec.node_selector)
    _validate_host_namespaces(report, path, spec)
    if spec.HasField("affinity"):
        validate_affinity(report, (*path, "affinity"), spec.affinity)
    _validate_dns(report, (*path, "dnsConfig"), spec)
    _validate_gates(report, path, spec)
    if spec.topology_spread_constraints:
        at = (*path, "topologySpreadConstraints")
        validate_spread(report, at, spec.topology_spread_constraints)
    _validate_names(report, path, spec)
    if spec.tolerations:
        validate_tolerations(report, (*path, "tolerations"), spec.tolerations)
    if spec.host_aliases:
        _validate_host_aliases(report, (*path, "hostAliases"), spec.host_aliases)
    _validate_rest(report, path, spec)


def _validate_all_containers(report: Report, path: Path, spec: PodSpec, volumes: Mapping[str, str]) -> None:
    surroundings = Surroundings(
        volumes=volumes,
        claim_names=frozenset([claim.name for claim in spec.resource_claims]),
        grace_seconds=spec.termination_grace_period_seconds,
        restart_policy=spec.restart_policy,
        host_users=spec.host_users or not spec.HasField("host_users"),
    )
    containers, inits = spec.containers, spec.init_containers
    validate_containers(report, (*path, "containers"), containers, surroundings)
    if inits or spec.ephemeral_containers:
        names = [container.name for container in containers]
        validate_init_containers(report, (*path, "initContainers"), inits, names, surroundings)
        names += [container.name for container in inits]
        at = (*path, "ephemeralContainers")
        validate_ephemeral_containers(report, at, spec.ephemeral_containers, names, surroundings)


def _validate_host_namespaces(report: Report, path: Path, spec: PodSpec) -> None:
    if spec.host_network:
        for index, container in enumerate(spec.containers):
            for position, port in enumerate(container.ports):
                if port.host_port != port.container_port:
                    at = (*path, "containers", index, "ports", position, "containerPort")
                    detail = "must match `hostPort` when `hostNetwork` is true"
                    report.invalid(at, port.container_port, detail)
    if spec.HasField("security_context"):
        validate_pod_security(report, (*path, "securityContext"), spec.security_context, spec)
    if spec.HasField("host_users") and not spec.host_users:
        shared = (("hostNetwork", spec.host_network), ("HostPID", spec.host_pid), ("HostIPC", spec.host_ipc))
        for name, is_shared in shared:
            if is_shared:
                report.forbidden((*path, name), "when `pod.Spec.HostUsers` is false")


def _validate_names(report: Report, path: Path, spec: PodSpec) -> None:
    for name, value in (
        ("serviceAccountName", spec.service_account_name),
        ("nodeName", spec.node_name),
        ("priorityClassName", spec.priority_class_name),
        ("runtimeClassName", spec.runtime_class_name),
    ):
        if value:
            report.all_invalid((*path, name), value, dns_subdomain(value))
    if spec.hostname:
        report.all_invalid((*path, "hostname"), spec.hostname, dns_label(spec.hostname))
    if spec.subdomain:
        report.all_invalid((*path, "subdomain"), spec.subdomain, dns_label(spec.subdomain))
    if spec.HasField("hostname_override"):
        name = spec.hostname_override
        report.all_invalid((*path, "hostnameOverride"), name, dns_subdomain(name))


def _validate_dns(report: Report, path: Path, spec: PodSpec) -> None:
    if spec.dns_policy == "None":
        if not spec.HasField("dns_config"):
            report.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not spec.dns_config.nameservers:
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            report.required((*path, "nameservers"), detail)
            return
    if spec.HasField("dns_config"):
        _validate_dns_config(report, path, spec.dns_config)


def _validate_dns_config(report: Report, path: Path, config: PodDNSConfig) -> None:
    if len(config.nameservers) > _MAX_NAMESERVERS:
        detail = f"must not have more than {_MAX_NAMESERVERS} nameservers"
        report.invalid((*path, "nameservers"), string_list(config.nameservers), detail)
    for index, server in enumerate(config.nameservers):
        report.all_invalid((*path, "nameservers", index), server, ip_address(server))
    at = (*path, "searches")
    if len(config.searches) > _MAX_SEARCHES:
        report.invalid(at, string_list(config.searches), f"must not have more than {_MAX_SEARCHES} search paths")
    if len(" ".join(config.searches)) > _MAX_SEARCH_LENGTH:
        detail = f"must not have more than {_MAX_SEARCH_LENGTH} characters (including spaces) in the search list"
        report.invalid(at, string_list(config.searches), detail)
    for index, search in enumerate(config.searches):
        if search != ".":
            domain = search.removesuffix(".")
            report.all_invalid((*at, index), domain, search_domain(domain))
    for index, option in enumerate(config.options):
        if not option.name:
            report.required((*path, "options", index), "must not be empty")


def _validate_gates(report: Report, path: Path, spec: PodSpec) -> None:
    for index, gate in enumerate(spec.readiness_gates):
        validate_qualified_name(report, (*path, "readinessGates", index, "conditionType"), gate.condition_type)
    if spec.scheduling_gates:
        _validate_scheduling_gates(report, (*path, "schedulingGates"), spec.scheduling_gates)


def _validate_scheduling_gates(report: Report, path: Path, gates: Iterable[PodSchedulingGate]) -> None:
    seen: set[str] = set()
    for index, gate in enumerate(gates):
        validate_qualified_name(report, (*path, index), gate.name)
        if gate.name in seen:
            report.duplicate((*path, index), gate.name)
        seen.add(gate.name)


def _validate_host_aliases(report: Report, path: Path, aliases: Iterable[HostAlias]) -> None:
    for index, alias in enumerate(aliases):
        report.all_invalid((*path, index, "ip"), alias.ip, ip_address(alias.ip))
        for position, name in enumerate(alias.hostnames):
            report.all_invalid((*path, index, "hostnames", position), name, dns_subdomain(name))


def _validate_resource_claims(report: Report, path: Path, claims: Iterable[PodResourceClaim]) -> None:
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        at = (*path, index)
        if not claim.name:
            report.required((*at, "name"))
        elif claim.name in seen:
            report.duplicate((*at, "name"), claim.name)
        else:
            report.all_invalid((*at, "name"), claim.name, dns_label(claim.name))
        seen.add(claim.name)
        _validate_claim_source(report, at, claim)


def _validate_claim_source(report: Report, path: Path, claim: PodResourceClaim) -> None:
    shown = Raw(f"core.PodResourceClaim{{Name:{quote(claim.name)}, ...}}")
    by_name, by_template = claim.HasField("resource_claim_name"), claim.HasField("resource_claim_template_name")
    if by_name and by_template:
        detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
        report.invalid(path, shown, detail)
    if not by_name and not by_template:
        report.invalid(path, shown, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
    if by_name:
        name = claim.resource_claim_name
        report.all_invalid((*path, "resourceClaimName"), name, dns_subdomain(name))
    if by_template:
        name = claim.resource_claim_template_name
        report.all_invalid((*path, "resourceClaimTemplateName"), name, dns_subdomain(name))


def _validate_rest(report: Report, path: Path, spec: PodSpec) -> None:
    if spec.HasField("active_deadline_seconds") and not 1 <= spec.active_deadline_seconds <= _MAX_DEADLINE:
        seconds = spec.active_deadline_seconds
        report.invalid((*path, "activeDeadlineSeconds"), seconds, out_of_range(1, _MAX_DEADLINE))
    if spec.HasField("preemption_policy"):
        at = (*path, "preemptionPolicy")
        report.one_of(at, spec.preemption_policy, ("PreemptLowerPriority", "Never"))
    if spec.overhead:
        _validate_overhead(report, (*path, "overhead"), spec)
    if spec.HasField("os"):
        if not spec.os.name:
            report.required((*path, "os", "name"), "cannot be empty")
        elif spec.os.name not in _OPERATING_SYSTEMS:
            report.not_supported((*path, "os"), spec.os.name, _OPERATING_SYSTEMS)


def _validate_overhead(report: Report, path: Path, spec: PodSpec) -> None:
    resources = type(spec.resources)()
    for name, quantity in spec.overhead.items():
        resources.limits[name].CopyFrom(quantity)
    validate_requirements(report, path, resources)
