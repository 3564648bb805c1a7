"""Judge the containers of a pod: regular, init and ephemeral ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from statefleet.api.core.v1.container_pb2 import (
    Container,
    ContainerPort,
    ContainerResizePolicy,
    EphemeralContainer,
    EphemeralContainerCommon,
)
from statefleet.objects.validation.environment import validate_variable, validate_variables_from
from statefleet.objects.validation.mounts import validate_devices, validate_mounts
from statefleet.objects.validation.names import dns_label, port_name, port_number
from statefleet.objects.validation.probes import (
    validate_lifecycle,
    validate_liveness_probe,
    validate_readiness_probe,
)
from statefleet.objects.validation.report import Path, Report
from statefleet.objects.validation.resources import validate_requirements
from statefleet.objects.validation.security import validate_container_security

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_MESSAGE_POLICIES: Final = ("File", "FallbackToLogsOnError")
_INIT_ONLY: Final = "may not be set for non-init containers"
_SIDECAR_ONLY: Final = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL: Final = (
    "ports", "resources", "resize_policy", "restart_policy", "restart_policy_rules", "liveness_probe",
    "readiness_probe", "startup_probe", "lifecycle",
)  # fmt: skip

AnyContainer: TypeAlias = Container | EphemeralContainerCommon


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container's pod says that matters for the container."""

    volumes: Mapping[str, str]
    """The kinds of the pod's volumes by name."""
    claim_names: frozenset[str]
    grace_seconds: int | None
    restart_policy: str
    host_users: bool


def validate_containers(
    report: Report, path: Path, containers: Sequence[Container], surroundings: Surroundings
) -> None:
    """Judge the regular containers, of which there has to be one."""
    if not containers:
        report.required(path)
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = (*path, index)
        _validate_container(report, at, container, surroundings)
        if container.name in seen:
            report.duplicate((*at, "name"), container.name)
        seen.add(container.name)
        _validate_running(report, at, container, surroundings)
        if container.HasField("restart_policy"):
            report.forbidden((*at, "restartPolicy"), _INIT_ONLY)
    _validate_host_ports(report, path, containers)


def validate_init_containers(
    report: Report, path: Path, containers: Sequence[Container], others: Iterable[str], surroundings: Surroundings
) -> None:
    """Judge the init containers, given the names of the regular ones."""
    seen = set(others)
    for index, container in enumerate(containers):
        at = (*path, index)
        _validate_container(report, at, container, surroundings)
        if container.HasField("restart_policy") and container.restart_policy != "Always":
            report.not_supported((*at, "restartPolicy"), container.restart_policy, ("Always",))
        if container.name in seen:
            report.duplicate((*at, "name"), container.name)
        elif container.name:
            seen.add(container.name)
        _validate_host_ports(report, path, [container])
        if container.restart_policy == "Always":
            _validate_running(report, at, container, surroundings)
        else:
            _forbid_running(report, at, container)


def _validate_running(report: Report, path: Path, container: Container, surroundings: Surroundings) -> None:
    if container.HasField("lifecycle"):
        validate_lifecycle(report, (*path, "lifecycle"), container.lifecycle, surroundings.grace_seconds)
    if container.HasField("liveness_probe"):
        validate_liveness_probe(report, (*path, "livenessProbe"), container.liveness_probe)
    if container.HasField("readiness_probe"):
        validate_readiness_probe(report, (*path, "readinessProbe"), container.readiness_probe)
    if container.HasField("startup_probe"):
        validate_liveness_probe(report, (*path, "startupProbe"), container.startup_probe)


def _forbid_running(report: Report, path: Path, container: Container) -> None:
    for field, name in (
        ("lifecycle", "lifecycle"),
        ("liveness_probe", "livenessProbe"),
        ("readiness_probe", "readinessProbe"),
        ("startup_probe", "startupProbe"),
    ):
        if container.HasField(field):  # type: ignore[arg-type]
            report.forbidden((*path, name), _SIDECAR_ONLY)


def validate_ephemeral_containers(
    report: Report,
    path: Path,
    containers: Sequence[EphemeralContainer],
    others: Iterable[str],
    surroundings: Surroundings,
) -> None:
    """Judge the ephemeral containers, given the names of all others."""
    known = frozenset(others)
    seen = set(known)
    for index, ephemeral in enumerate(containers):
        at, common = (*path, index), ephemeral.ephemeral_container_common
        _validate_container(report, at, common, surroundings)
        validate_trimmed_image(report, at, common)
        if common.name in seen:
            report.duplicate((*at, "name"), common.name)
        seen.add(common.name)
        if ephemeral.target_container_name and ephemeral.target_container_name not in known:
            report.not_found((*at, "targetContainerName"), ephemeral.target_container_name)
        _validate_ephemeral_fields(report, at, common)


def _validate_ephemeral_fields(report: Report, path: Path, common: EphemeralContainerCommon) -> None:
    detail = "cannot be set for an Ephemeral Container"
    for field, value in common.ListFields():
        if field.name in _NOT_EPHEMERAL and _is_set(value):
            report.forbidden((*path, field.json_name), detail)
    for index, mount in enumerate(common.volume_mounts):
        if mount.sub_path:
            report.forbidden((*path, "volumeMounts", index, "subPath"), detail)
        if mount.sub_path_expr:
            report.forbidden((*path, "volumeMounts", index, "subPathExpr"), detail)


def _is_set(value: Any) -> bool:
    return not hasattr(value, "ByteSize") or value.ByteSize() > 0


def validate_trimmed_image(report: Report, path: Path, container: AnyContainer) -> None:
    """Judge an image's name in a pod, stricter than in a template: it may not be padded."""
    if container.image != container.image.strip():
        report.invalid((*path, "image"), container.image, "must not have leading or trailing whitespace")


def _validate_container(report: Report, path: Path, container: AnyContainer, surroundings: Surroundings) -> None:
    name = container.name
    if not name:
        report.required((*path, "name"))
    elif problems := dns_label(name):
        report.all_invalid((*path, "name"), name, problems)
    if not container.image:
        report.required((*path, "image"))
    report.one_of((*path, "terminationMessagePolicy"), container.termination_message_policy, _MESSAGE_POLICIES)
    if container.ports:
        _validate_ports(report, (*path, "ports"), container.ports)
    for index, variable in enumerate(container.env):
        validate_variable(report, (*path, "env", index), variable)
    for index, source in enumerate(container.env_from):
        validate_variables_from(report, (*path, "envFrom"), index, source)
    _validate_storage(report, path, container, surroundings.volumes)
    report.one_of((*path, "imagePullPolicy"), container.image_pull_policy, PULL_POLICIES)
    if container.HasField("resources"):
        validate_requirements(report, (*path, "resources"), container.resources, surroundings.claim_names)
    if container.resize_policy:
        _validate_resize(report, (*path, "resizePolicy"), container.resize_policy, surroundings.restart_policy)
    if container.HasField("security_context"):
        at = (*path, "securityContext")
        validate_container_security(report, at, container.security_context, host_users=surroundings.host_users)


def _validate_storage(report: Report, path: Path, container: AnyContainer, volumes: Mapping[str, str]) -> None:
    mounts, devices = container.volume_mounts, container.volume_devices
    if mounts:
        taken = {device.name: device.device_path for device in devices}
        privileged = container.security_context.privileged
        validate_mounts(report, (*path, "volumeMounts"), mounts, taken, volumes, privileged=privileged)
    if devices:
        taken = {mount.name: mount.mount_path for mount in mounts}
        validate_devices(report, (*path, "volumeDevices"), devices, taken, volumes)


def _validate_ports(report: Report, path: Path, ports: Iterable[ContainerPort]) -> None:
    names: set[str] = set()
    for index, port in enumerate(ports):
        at, name = (*path, index), port.name
        if name:
            if problems := port_name(name):
                report.all_invalid((*at, "name"), name, problems)
            elif name in names:
                report.duplicate((*at, "name"), name)
            names.add(name)
        if not port.container_port:
            report.required((*at, "containerPort"))
        else:
            report.all_invalid((*at, "containerPort"), port.container_port, port_number(port.container_port))
        if port.host_port:
            report.all_invalid((*at, "hostPort"), port.host_port, port_number(port.host_port))
        report.one_of((*at, "protocol"), port.protocol, PROTOCOLS)


def _validate_host_ports(report: Report, path: Path, containers: Iterable[Container]) -> None:
    taken: set[str] = set()
    for index, container in enumerate(containers):
        for position, port in enumerate(container.ports):
            if port.host_port:
                claim = f"{port.protocol}/{port.host_ip}/{port.host_port}"
                if claim in taken:
                    report.duplicate((*path, index, "ports", position, "hostPort"), claim)
                taken.add(claim)


def _validate_resize(
    report: Report, path: Path, policies: Iterable[ContainerResizePolicy], pod_restart_policy: str
) -> None:
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        if policy.resource_name in seen:
            report.duplicate((*path, index), policy.resource_name)
        seen.add(policy.resource_name)
        report.one_of(path, policy.resource_name, ("cpu", "memory"))
        report.one_of(path, policy.restart_policy, ("NotRequired", "RestartContainer"))
        if pod_restart_policy == "Never" and policy.restart_policy != "NotRequired":
            detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            report.invalid(path, policy.restart_policy, detail)
