"""Judge PersistentVolumes and StorageClasses. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from statefleet.api.core.v1.persistent_volume_pb2 import (
    CSIPersistentVolumeSource,
    ISCSIPersistentVolumeSource,
    LocalVolumeSource,
    PersistentVolume,
    PersistentVolumeSource,
    PersistentVolumeSpec,
)
from statefleet.api.core.v1.reference_pb2 import SecretReference
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.label_syntax import key_problems
from statefleet.objects.validation import volume_sources as common
from statefleet.objects.validation.claims import VOLUME_MODES, validate_access_modes
from statefleet.objects.validation.literals import Raw, quote
from statefleet.objects.validation.metadata import IMMUTABLE, validate_metadata, validate_metadata_update
from statefleet.objects.validation.names import dns_label, dns_subdomain
from statefleet.objects.validation.paths import validate_no_backsteps
from statefleet.objects.validation.report import Key, Path, Report
from statefleet.objects.validation.resources import validate_basic_quantity, validate_positive
from statefleet.objects.validation.selectors import validate_node_selector, validate_topology_selector_term

_SPEC: Final[Path] = ("spec",)
_RECLAIM_POLICIES: Final = ("Delete", "Recycle", "Retain")
_CLASS_RECLAIM_POLICIES: Final = ("Delete", "Retain")
_BINDING_MODES: Final = ("Immediate", "WaitForFirstConsumer")
_MAX_PARAMETERS: Final = 512
_PARAMETER_BYTES: Final = 256 * 1024


def validate_volume(report: Report, volume: PersistentVolume) -> None:
    """Judge a new persistent volume."""
    validate_metadata(report, volume.metadata, namespaced=False, name_rule=dns_subdomain)
    _validate_volume_spec(report, volume.spec, volume.metadata.name)


def _validate_volume_spec(report: Report, spec: PersistentVolumeSpec, name: str) -> None:
    if not spec.access_modes:
        report.required((*_SPEC, "accessModes"))
    validate_access_modes(report, (*_SPEC, "accessModes"), spec.access_modes)
    _validate_capacity(report, spec)
    policy = spec.persistent_volume_reclaim_policy
    if policy and policy not in _RECLAIM_POLICIES:
        report.not_supported((*_SPEC, "persistentVolumeReclaimPolicy"), policy, _RECLAIM_POLICIES)
    if spec.HasField("node_affinity"):
        at = (*_SPEC, "nodeAffinity", "required")
        if not spec.node_affinity.HasField("required"):
            report.required(at, "must specify required node constraints")
        else:
            validate_node_selector(report, at, spec.node_affinity.required)
    _validate_source(report, spec, name)
    if spec.storage_class_name:
        problems = dns_subdomain(spec.storage_class_name)
        report.all_invalid((*_SPEC, "storageClassName"), spec.storage_class_name, problems)
    if spec.HasField("volume_mode") and spec.volume_mode not in VOLUME_MODES:
        report.not_supported((*_SPEC, "volumeMode"), spec.volume_mode, VOLUME_MODES)
    _validate_attributes_class(report, spec)


def _validate_capacity(report: Report, spec: PersistentVolumeSpec) -> None:
    path = (*_SPEC, "capacity")
    if not spec.capacity:
        report.required(path)
    if list(spec.capacity) != ["storage"]:
        names = ", ".join(f"{quote(name)}:{spec.capacity[name].string}" for name in sorted(spec.capacity))
        shown = Raw(f"core.ResourceList{{{names}}}" if names else "core.ResourceList(nil)")
        report.not_supported(path, shown, ("storage",))
    for name in sorted(spec.capacity):
        validate_basic_quantity(report, (*path, Key(name)), spec.capacity[name])
        validate_positive(report, (*path, Key(name)), spec.capacity[name])


def _validate_source(report: Report, spec: PersistentVolumeSpec, name: str) -> None:
    present = spec.persistent_volume_source.ListFields()
    sources = sorted(present, key=lambda item: _ORDER[item[0].name])
    if not sources:
        report.required(_SPEC, "must specify a volume type")
        return
    (field, source), *others = sources
    _SOURCES[field.name](report, (*_SPEC, field.json_name), source)
    for other, _ in others:
        report.forbidden((*_SPEC, other.json_name), "may not specify more than 1 volume type")
    if field.name == "local" and not spec.HasField("node_affinity"):
        report.required((*_SPEC, "nodeAffinity"), "Local volume requires node affinity")
    if field.name == "iscsi":
        _validate_portal(report, name, source)
    recycled = spec.persistent_volume_reclaim_policy == "Recycle"
    if field.name == "host_path" and recycled and not source.path.strip("/"):
        detail = "may not be 'recycle' for a hostPath mount of '/'"
        report.forbidden((*_SPEC, "persistentVolumeReclaimPolicy"), detail)


def _validate_portal(report: Report, name: str, source: ISCSIPersistentVolumeSource) -> None:
    common.validate_portal_length(report, (*_SPEC, "iscsi", "targetportal"), source.target_portal, name, source)


def _validate_attributes_class(report: Report, spec: PersistentVolumeSpec) -> None:
    if not spec.HasField("volume_attributes_class_name"):
        return
    path, name = (*_SPEC, "volumeAttributesClassName"), spec.volume_attributes_class_name
    if not name:
        report.required(path, "an empty string is disallowed")
    else:
        report.all_invalid(path, name, dns_subdomain(name))
    if not spec.persistent_volume_source.HasField("csi"):
        report.required((*_SPEC, "csi"), "has to be specified when using volumeAttributesClassName")


def _validate_local(report: Report, path: Path, source: LocalVolumeSource) -> None:
    if not source.path:
        report.required((*path, "path"))
    validate_no_backsteps(report, (*path, "path"), source.path)


def _validate_csi(report: Report, path: Path, source: CSIPersistentVolumeSource) -> None:
    common.validate_csi_driver(report, (*path, "driver"), source.driver)
    if not source.volume_handle:
        report.required((*path, "volumeHandle"))
    for field, value in source.ListFields():
        if isinstance(value, SecretReference):
            _validate_secret(report, (*path, field.json_name), value)


def _validate_secret(report: Report, path: Path, secret: SecretReference) -> None:
    if not secret.name:
        report.required((*path, "name"))
    else:
        report.all_invalid((*path, "name"), secret.name, dns_subdomain(secret.name))
    if not secret.namespace:
        report.required((*path, "namespace"))
    else:
        report.all_invalid((*path, "namespace"), secret.namespace, dns_label(secret.namespace))


_SOURCES: Final[dict[str, Callable[[Report, Path, Any], None]]] = {
    "host_path": common.validate_host_path,
    "gce_persistent_disk": common.validate_disk,
    "aws_elastic_block_store": common.validate_disk,
    "glusterfs": common.validate_glusterfs,
    "flocker": common.validate_flocker,
    "nfs": common.validate_nfs,
    "rbd": common.validate_rbd,
    "quobyte": common.validate_quobyte,
    "cephfs": common.validate_cephfs,
    "iscsi": common.validate_iscsi,
    "cinder": common.validate_cinder,
    "fc": common.validate_fc,
    "flex_volume": common.validate_flex,
    "azure_file": common.validate_azure_file,
    "vsphere_volume": common.validate_vsphere,
    "photon_persistent_disk": common.validate_photon,
    "portworx_volume": common.validate_portworx,
    "azure_disk": common.validate_azure_disk,
    "scale_io": common.validate_scale_io,
    "local": _validate_local,
    "storageos": common.validate_storageos,
    "csi": _validate_csi,
}
"""In the order in which Kubernetes looks at them: the first is judged, all others are too many."""
_ORDER: Final = {name: position for position, name in enumerate(_SOURCES)}


def validate_volume_update(report: Report, new: PersistentVolume, old: PersistentVolume) -> None:
    """Judge a changed persistent volume: where its data is stays."""
    validate_metadata_update(report, new.metadata, old.metadata)
    _validate_volume_spec(report, new.spec, new.metadata.name)
    if _comparable(new.spec) != _comparable(old.spec):
        detail = "spec.persistentvolumesource is immutable after creation"
        report.forbidden((*_SPEC, "persistentvolumesource"), detail)
    if new.spec.volume_mode != old.spec.volume_mode:
        report.invalid(("volumeMode",), new.spec.volume_mode, IMMUTABLE)
    if old.spec.HasField("node_affinity") and new.spec.node_affinity != old.spec.node_affinity:
        shown = Raw("core.VolumeNodeAffinity{...}")
        report.invalid(("nodeAffinity",), shown, f"{IMMUTABLE}, except for updating from beta label to GA")
    had_class = old.spec.HasField("volume_attributes_class_name")
    if had_class and not new.spec.HasField("volume_attributes_class_name"):
        path = (*_SPEC, "volumeAttributesClassName")
        report.forbidden(path, "update from non-nil value to nil is forbidden")


def _comparable(spec: PersistentVolumeSpec) -> PersistentVolumeSource:
    source = PersistentVolumeSource()
    source.CopyFrom(spec.persistent_volume_source)
    if source.HasField("csi"):
        # The secret with which a volume is made larger may be named later.
        source.csi.ClearField("controller_expand_secret_ref")
    return source


def validate_volume_status_update(report: Report, new: PersistentVolume, old: PersistentVolume) -> None:
    """Judge the changed status of a persistent volume."""
    validate_metadata_update(report, new.metadata, old.metadata)


def validate_storage_class(report: Report, storage_class: StorageClass) -> None:
    """Judge a new storage class."""
    validate_metadata(report, storage_class.metadata, namespaced=False, name_rule=dns_subdomain)
    if not storage_class.provisioner:
        report.required(("provisioner",))
    else:
        problems = key_problems(storage_class.provisioner.lower())
        report.all_invalid(("provisioner",), storage_class.provisioner, problems)
    _validate_parameters(report, storage_class)
    if storage_class.reclaim_policy and storage_class.reclaim_policy not in _CLASS_RECLAIM_POLICIES:
        report.not_supported(("reclaimPolicy",), storage_class.reclaim_policy, _CLASS_RECLAIM_POLICIES)
    report.one_of(("volumeBindingMode",), storage_class.volume_binding_mode, _BINDING_MODES)
    for index, term in enumerate(storage_class.allowed_topologies):
        validate_topology_selector_term(report, ("allowedTopologies", index), term)


def _validate_parameters(report: Report, storage_class: StorageClass) -> None:
    parameters = storage_class.parameters
    if len(parameters) > _MAX_PARAMETERS:
        report.too_many(("provisioner", "parameters"), len(parameters), _MAX_PARAMETERS)
        return
    for key in parameters:
        if not key:
            report.invalid(("provisioner", "parameters"), key, "field can not be empty.")
    if sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items()) > _PARAMETER_BYTES:
        report.too_long(("provisioner", "parameters"), _PARAMETER_BYTES)


def validate_storage_class_update(report: Report, new: StorageClass, old: StorageClass) -> None:
    """Judge a changed storage class: how it provisions stays."""
    validate_metadata_update(report, new.metadata, old.metadata)
    for name, changed in (
        ("parameters", dict(new.parameters) != dict(old.parameters)),
        ("provisioner", new.provisioner != old.provisioner),
        ("reclaimPolicy", new.reclaim_policy != old.reclaim_policy),
    ):
        if changed:
            report.forbidden((name,), f"updates to {name} are forbidden.")
    if new.volume_binding_mode != old.volume_binding_mode:
        report.invalid(("volumeBindingMode",), new.volume_binding_mode, IMMUTABLE)
    for index, term in enumerate(new.allowed_topologies):
        validate_topology_selector_term(report, ("allowedTopologies", index), term)
