"""Judge where a container mounts its pod's volumes. Pure.

Volumes are known by name; the value is the kind of the volume, such as config_map or persistent_volume_claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from statefleet.api.core.v1.container_pb2 import VolumeDevice, VolumeMount
from statefleet.objects.validation.paths import validate_descending_path
from statefleet.objects.validation.report import Path, Report

_PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE: Final = ("Disabled", "Enabled", "IfPossible")


def validate_mounts(
    report: Report,
    path: Path,
    mounts: Sequence[VolumeMount],
    devices: Mapping[str, str],
    volumes: Mapping[str, str],
    *,
    privileged: bool,
) -> None:
    """Judge a container's mounts; `devices` are the paths of its block devices by volume."""
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        at = (*path, index)
        _validate_mounted_volume(report, at, mount, devices, volumes)
        where = mount.mount_path
        if not where:
            report.required((*at, "mountPath"))
        if where in seen:
            report.invalid((*at, "mountPath"), where, "must be unique")
        seen.add(where)
        if where in devices.values():
            report.invalid((*at, "mountPath"), where, "must not already exist as a path in volumeDevices")
        _validate_sub_path(report, path, at, mount)
        if mount.HasField("mount_propagation"):
            _validate_propagation(report, (*path, "mountPropagation"), mount.mount_propagation, privileged=privileged)
        if mount.HasField("recursive_read_only"):
            _validate_recursive(report, (*path, "recursiveReadOnly"), mount)


def _validate_mounted_volume(
    report: Report, path: Path, mount: VolumeMount, devices: Mapping[str, str], volumes: Mapping[str, str]
) -> None:
    name = mount.name
    if not name:
        report.required((*path, "name"))
    if name not in volumes:
        report.not_found((*path, "name"), name)
    elif volumes[name] == "image":
        for field, value in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if value:
                report.invalid((*path, field), value, "not allowed in image volume sources")
    if name in devices:
        report.invalid((*path, "name"), name, "must not already exist in volumeDevices")


def _validate_sub_path(report: Report, path: Path, at: Path, mount: VolumeMount) -> None:
    if mount.sub_path:
        validate_descending_path(report, (*path, "subPath"), mount.sub_path)
    if mount.sub_path_expr:
        if mount.sub_path:
            detail = "subPathExpr and subPath are mutually exclusive"
            report.invalid((*at, "subPathExpr"), mount.sub_path_expr, detail)
        validate_descending_path(report, (*path, "subPathExpr"), mount.sub_path_expr)


def _validate_propagation(report: Report, path: Path, propagation: str, *, privileged: bool) -> None:
    if propagation not in _PROPAGATIONS:
        report.not_supported(path, propagation, _PROPAGATIONS)
    if propagation == "Bidirectional" and not privileged:
        report.forbidden(path, "Bidirectional mount propagation is available only to privileged containers")


def _validate_recursive(report: Report, path: Path, mount: VolumeMount) -> None:
    if mount.recursive_read_only not in _RECURSIVE:
        report.not_supported(path, mount.recursive_read_only, _RECURSIVE)
    elif mount.recursive_read_only != "Disabled":
        if not mount.read_only:
            report.forbidden(path, "may only be specified when readOnly is true")
        if mount.HasField("mount_propagation") and mount.mount_propagation != "None":
            report.forbidden(path, "may only be specified when mountPropagation is None or not specified")


def validate_devices(
    report: Report,
    path: Path,
    devices: Sequence[VolumeDevice],
    mounts: Mapping[str, str],
    volumes: Mapping[str, str],
) -> None:
    """Judge a container's block devices; `mounts` are the paths of its mounts by volume."""
    names: set[str] = set()
    paths: set[str] = set()
    for index, device in enumerate(devices):
        at = (*path, index)
        _validate_device_name(report, at, device.name, names, mounts, volumes)
        _validate_device_path(report, at, device.device_path, paths, mounts)
        names.add(device.name)
        paths.add(device.device_path)


def _validate_device_name(
    report: Report, path: Path, name: str, seen: set[str], mounts: Mapping[str, str], volumes: Mapping[str, str]
) -> None:
    path = (*path, "name")
    if not name:
        report.required(path)
    elif name in seen:
        report.invalid(path, name, "must be unique")
    if name not in volumes:
        report.not_found(path, name)
    elif volumes[name] not in ("persistent_volume_claim", "ephemeral"):
        detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        report.invalid(path, name, detail)
    if name in mounts:
        report.invalid(path, name, "must not already exist in volumeMounts")


def _validate_device_path(
    report: Report, path: Path, device_path: str, seen: set[str], mounts: Mapping[str, str]
) -> None:
    path = (*path, "devicePath")
    if not device_path:
        report.required(path)
    elif device_path in seen:
        report.invalid(path, device_path, "must be unique")
    elif ".." in device_path.split("/"):
        report.invalid(path, device_path, "can not contain backsteps ('..')")
    if device_path in mounts.values():
        report.invalid(path, device_path, "must not already exist as a path in volumeMounts")
