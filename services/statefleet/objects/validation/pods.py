"""Judge Pods: new ones, what an update may change of them, and their status. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.core.v1.pod_pb2 import ContainerStatus, HostIP, Pod, PodIP, PodSpec
from statefleet.api.core.v1.scheduling_pb2 import Toleration
from statefleet.objects.validation.containers import validate_trimmed_image
from statefleet.objects.validation.literals import Raw, string_map
from statefleet.objects.validation.metadata import (
    IMMUTABLE,
    validate_metadata,
    validate_metadata_update,
    validate_qualified_name,
)
from statefleet.objects.validation.names import dns_subdomain, ip_address, out_of_range, two_families
from statefleet.objects.validation.pod_spec import validate_pod_spec
from statefleet.objects.validation.report import Path, Report

_SPEC: Final[Path] = ("spec",)
_MAX_DEADLINE: Final = 2**31 - 1
_CHANGEABLE: Final = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate_pod(report: Report, pod: Pod) -> None:
    """Judge a new pod."""
    _validate_whole(report, pod)
    spec = pod.spec
    if spec.ephemeral_containers:
        report.forbidden((*_SPEC, "ephemeralContainers"), "cannot be set on create")
    if spec.node_name and spec.scheduling_gates:
        report.forbidden((*_SPEC, "nodeName"), "cannot be set until all schedulingGates have been cleared")


def _validate_whole(report: Report, pod: Pod) -> None:
    validate_metadata(report, pod.metadata, namespaced=True, name_rule=dns_subdomain)
    spec = pod.spec
    validate_pod_spec(report, _SPEC, spec, pod_name=pod.metadata.name)
    if not spec.service_account_name:
        _forbid_tokens(report, spec)
    for index, container in enumerate(spec.containers):
        validate_trimmed_image(report, (*_SPEC, "containers", index), container)
    for index, container in enumerate(spec.init_containers):
        validate_trimmed_image(report, (*_SPEC, "initContainers", index), container)


def _forbid_tokens(report: Report, spec: PodSpec) -> None:
    for index, volume in enumerate(spec.volumes):
        for position, projection in enumerate(volume.volume_source.projected.sources):
            if projection.HasField("service_account_token"):
                path = (*_SPEC, "volumes", index, "projected", "sources", position, "serviceAccountToken")
                report.forbidden(path, "must not be specified when serviceAccountName is not set")


def validate_pod_update(report: Report, new: Pod, old: Pod) -> None:
    """Judge a changed pod: nearly all of its spec is immutable."""
    validate_metadata_update(report, new.metadata, old.metadata)
    _validate_whole(report, new)
    if not _same_count(report, "containers", new.spec.containers, old.spec.containers):
        return
    if not _same_count(report, "initContainers", new.spec.init_containers, old.spec.init_containers):
        return
    if not _validate_deadline(report, new.spec, old.spec):
        return
    _validate_added_tolerations(report, new.spec.tolerations, old.spec.tolerations)
    _validate_removed_gates(report, new.spec, old.spec)
    if new.spec != old.spec:
        _validate_unchanged(report, new.spec, old.spec)


def _same_count(report: Report, name: str, new: Sequence[Container], old: Sequence[Container]) -> bool:
    if len(new) != len(old):
        report.forbidden((*_SPEC, name), "pod updates may not add or remove containers")
    return len(new) == len(old)


def _validate_deadline(report: Report, new: PodSpec, old: PodSpec) -> bool:
    """Judge the deadline, which may only come closer; return whether further rules make sense."""
    path = (*_SPEC, "activeDeadlineSeconds")
    had = old.HasField("active_deadline_seconds")
    if not new.HasField("active_deadline_seconds"):
        if had:
            report.invalid(path, None, "must not update from a positive integer to nil value")
        return True
    seconds = new.active_deadline_seconds
    if not 0 <= seconds <= _MAX_DEADLINE:
        report.invalid(path, seconds, out_of_range(0, _MAX_DEADLINE))
        return False
    if had and seconds > old.active_deadline_seconds:
        report.invalid(path, seconds, "must be less than or equal to previous value")
        return False
    return True


def _validate_added_tolerations(report: Report, new: Iterable[Toleration], old: Iterable[Toleration]) -> None:
    kept = [_but_seconds(toleration) for toleration in new]
    if any(_but_seconds(toleration) not in kept for toleration in old):
        detail = "existing toleration can not be modified except its tolerationSeconds"
        report.forbidden((*_SPEC, "tolerations"), detail)


def _but_seconds(toleration: Toleration) -> tuple[str, str, str, str]:
    return (toleration.key, toleration.operator, toleration.value, toleration.effect)


def _validate_removed_gates(report: Report, new: PodSpec, old: PodSpec) -> None:
    known = {gate.name for gate in old.scheduling_gates}
    for index, gate in enumerate(new.scheduling_gates):
        if gate.name not in known:
            detail = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            report.forbidden((*_SPEC, "schedulingGates", index, "name"), detail)


def _validate_unchanged(report: Report, new: PodSpec, old: PodSpec) -> None:
    masked = PodSpec()
    masked.CopyFrom(new)
    for container, before in zip(masked.containers, old.containers, strict=True):
        container.image = before.image
    for container, before in zip(masked.init_containers, old.init_containers, strict=True):
        container.image = before.image
    masked.ClearField("active_deadline_seconds")
    if old.HasField("active_deadline_seconds"):
        masked.active_deadline_seconds = old.active_deadline_seconds
    del masked.tolerations[:]
    masked.tolerations.extend(old.tolerations)
    del masked.scheduling_gates[:]
    masked.scheduling_gates.extend(old.scheduling_gates)
    if old.termination_grace_period_seconds < 0 and new.termination_grace_period_seconds == 1:
        masked.termination_grace_period_seconds = old.termination_grace_period_seconds
    if old.scheduling_gates:
        _allow_narrowing(report, masked, old)
    if masked != old:
        detail = f"pod updates may not change fields other than {_CHANGEABLE}\n{_changed_fields(masked, old)}"
        report.forbidden(_SPEC, detail)


def _allow_narrowing(report: Report, masked: PodSpec, old: PodSpec) -> None:
    """Let a pod that is still gated ask for fewer nodes."""
    if any(masked.node_selector.get(key) != value for key, value in old.node_selector.items()):
        detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        report.invalid((*_SPEC, "nodeSelector"), string_map(masked.node_selector), detail)
    masked.node_selector.clear()
    masked.node_selector.update(old.node_selector)


def _changed_fields(new: PodSpec, old: PodSpec) -> str:
    names = {descriptor.json_name for spec in (new, old) for descriptor, _ in spec.ListFields()}
    values = [{descriptor.json_name: value for descriptor, value in spec.ListFields()} for spec in (new, old)]
    return "\n".join(f"  spec.{name}" for name in sorted(names) if values[0].get(name) != values[1].get(name))


def validate_pod_status_update(report: Report, new: Pod, old: Pod) -> None:
    """Judge the changed status of a pod."""
    validate_metadata_update(report, new.metadata, old.metadata)
    for index, condition in enumerate(new.status.conditions):
        validate_qualified_name(report, ("metadata", "conditions", index, "Type"), condition.type)
    if new.spec.node_name != old.spec.node_name:
        report.forbidden(("status", "nodeName"), "may not be changed directly")
    name = new.status.nominated_node_name
    if name and name != old.status.nominated_node_name:
        report.all_invalid(("status", "nominatedNodeName"), name, dns_subdomain(name))
    if old.status.qos_class and new.status.qos_class != old.status.qos_class:
        report.invalid(("status", "qosClass"), new.status.qos_class, IMMUTABLE)
    _validate_transitions(report, new, old)
    _validate_addresses(report, ("status", "podIPs"), new.status.pod_ips)
    if new.status.host_ips and new.status.host_ips[0].ip != new.status.host_ip:
        path = ("status", "hostIPs", 0, "ip")
        report.invalid(path, new.status.host_ips[0].ip, "must be equal to `hostIP`")
    _validate_addresses(report, ("status", "hostIPs"), new.status.host_ips)


def _validate_transitions(report: Report, new: Pod, old: Pod) -> None:
    policy = old.spec.restart_policy
    sidecars = {container.name for container in old.spec.init_containers if container.restart_policy == "Always"}
    groups = (
        ("containerStatuses", policy, new.status.container_statuses, old.status.container_statuses),
        ("initContainerStatuses", policy, new.status.init_container_statuses, old.status.init_container_statuses),
        (
            "ephemeralContainerStatuses",
            "Never",
            new.status.ephemeral_container_statuses,
            old.status.ephemeral_container_statuses,
        ),
    )
    for name, restart_policy, now, before in groups:
        if restart_policy != "Always":
            _validate_no_restart(report, ("status", name), now, before, restart_policy, sidecars)


def _validate_no_restart(
    report: Report,
    path: Path,
    new: Iterable[ContainerStatus],
    old: Iterable[ContainerStatus],
    restart_policy: str,
    sidecars: set[str],
) -> None:
    now = {status.name: status for status in new}
    for index, status in enumerate(old):
        if not status.state.HasField("terminated") or status.name in sidecars:
            continue
        if restart_policy == "OnFailure" and status.state.terminated.exit_code:
            continue
        if status.name in now and not now[status.name].state.HasField("terminated"):
            report.forbidden((*path, index, "state"), "may not be transitioned to non-terminated state")


def _validate_addresses(report: Report, path: Path, addresses: Sequence[PodIP] | Sequence[HostIP]) -> None:
    texts = [address.ip for address in addresses]
    for index, text in enumerate(texts):
        report.all_invalid((*path, index), text, ip_address(text))
    if len(texts) > 1:
        if len(texts) > 2 or not two_families(texts):
            shown = Raw("[" + " ".join(texts) + "]")
            report.invalid(path, shown, "may specify no more than one IP for each IP family")
        for index, text in enumerate(texts):
            if text in texts[:index]:
                report.duplicate((*path, index), text)
