"""Judge PersistentVolumeClaims. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolumeClaim, PersistentVolumeClaimSpec
from statefleet.api.core.v1.reference_pb2 import TypedLocalObjectReference, TypedObjectReference
from statefleet.objects.label_syntax import key_problems
from statefleet.objects.validation.literals import Raw
from statefleet.objects.validation.metadata import (
    IMMUTABLE,
    METADATA,
    validate_metadata,
    validate_metadata_update,
)
from statefleet.objects.validation.names import dns_label, dns_subdomain
from statefleet.objects.validation.report import Key, Path, Report
from statefleet.objects.validation.resources import (
    is_native,
    parse_or_zero,
    validate_basic_quantity,
    validate_positive,
)
from statefleet.objects.validation.selectors import validate_label_selector

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")
_RESIZES: Final = (
    "ControllerResizeInProgress", "ControllerResizeInfeasible",
    "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending",
)  # fmt: skip
_BETA_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
_CHANGED: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def validate_claim(report: Report, claim: PersistentVolumeClaim) -> None:
    """Judge a new claim."""
    validate_metadata(report, claim.metadata, namespaced=True, name_rule=dns_subdomain)
    validate_claim_spec(report, ("spec",), claim.spec)


def validate_access_modes(report: Report, path: Path, modes: Iterable[str]) -> None:
    """Judge access modes, of which ReadWriteOncePod goes with no other."""
    known = [mode for mode in modes if mode in ACCESS_MODES]
    for mode in modes:
        if mode not in ACCESS_MODES:
            report.not_supported(path, mode, ACCESS_MODES)
    if "ReadWriteOncePod" in known and len(set(known)) > 1:
        report.forbidden(path, "may not use ReadWriteOncePod with other access modes")


def validate_claim_spec(report: Report, path: Path, spec: PersistentVolumeClaimSpec) -> None:
    """Judge the spec of a claim, or of a template of claims."""
    if not spec.access_modes:
        report.required((*path, "accessModes"), "at least 1 access mode is required")
    if spec.HasField("selector"):
        validate_label_selector(report, (*path, "selector"), spec.selector)
    validate_access_modes(report, (*path, "accessModes"), spec.access_modes)
    size = (*path, "resources", Key("storage"))
    if "storage" not in spec.resources.requests:
        report.required(size)
    else:
        validate_positive(report, size, spec.resources.requests["storage"])
    if spec.storage_class_name:
        problems = dns_subdomain(spec.storage_class_name)
        report.all_invalid((*path, "storageClassName"), spec.storage_class_name, problems)
    if spec.HasField("volume_mode") and spec.volume_mode not in VOLUME_MODES:
        report.not_supported((*path, "volumeMode"), spec.volume_mode, VOLUME_MODES)
    _validate_data_sources(report, path, spec)
    if spec.volume_attributes_class_name:
        name = spec.volume_attributes_class_name
        report.all_invalid((*path, "volumeAttributesClassName"), name, dns_subdomain(name))


def _validate_data_sources(report: Report, path: Path, spec: PersistentVolumeClaimSpec) -> None:
    if spec.HasField("data_source"):
        _validate_data_source(report, (*path, "dataSource"), spec.data_source)
    if not spec.HasField("data_source_ref"):
        return
    reference = spec.data_source_ref
    _validate_data_source(report, (*path, "dataSourceRef"), reference)
    if reference.namespace:
        problems = dns_label(reference.namespace)
        report.all_invalid((*path, "dataSourceRef", "namespace"), reference.namespace, problems)
    if spec.HasField("data_source"):
        source = spec.data_source
        same = (source.api_group, source.kind, source.name) == (reference.api_group, reference.kind, reference.name)
        shown = Raw(".".join([*map(str, path), "dataSource"]))
        if reference.namespace:
            report.invalid(path, shown, "may not be specified when dataSourceRef.namespace is specified")
        elif not same:
            report.invalid(path, shown, "must match dataSourceRef")


def _validate_data_source(
    report: Report, path: Path, source: TypedLocalObjectReference | TypedObjectReference
) -> None:
    if not source.name:
        report.required((*path, "name"))
    if not source.kind:
        report.required((*path, "kind"))
    if not source.api_group:
        if source.kind != "PersistentVolumeClaim":
            detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
            report.invalid(path, source.kind, detail)
    else:
        report.all_invalid((*path, "apiGroup"), source.api_group, dns_subdomain(source.api_group))


def validate_claim_update(report: Report, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
    """Judge a changed claim: only a bound one may ask for more room."""
    validate_metadata_update(report, new.metadata, old.metadata)
    validate_claim_spec(report, ("spec",), new.spec)
    _validate_beta_class(report, new, old)
    if _comparable(new.spec, new, old) != _comparable(old.spec, old, old):
        report.forbidden(("spec",), _CHANGED)
    _validate_size(report, new, old)
    if new.spec.volume_mode != old.spec.volume_mode:
        report.invalid(("volumeMode",), new.spec.volume_mode, IMMUTABLE)
    path = ("spec", "volumeAttributesClassName")
    if old.spec.HasField("volume_attributes_class_name"):
        if not new.spec.HasField("volume_attributes_class_name"):
            report.forbidden(path, "update from non-nil value to nil is forbidden")
        elif not new.spec.volume_attributes_class_name and old.spec.volume_attributes_class_name:
            report.forbidden(path, "update from non-nil value to an empty string is forbidden")


def _validate_beta_class(report: Report, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
    value = new.metadata.annotations.get(_BETA_CLASS, "")
    if value != old.metadata.annotations.get(_BETA_CLASS, ""):
        report.invalid((*METADATA, "annotations", _BETA_CLASS), value, IMMUTABLE)


def _comparable(
    spec: PersistentVolumeClaimSpec, claim: PersistentVolumeClaim, old: PersistentVolumeClaim
) -> PersistentVolumeClaimSpec:
    """Return the part of a spec that may not change from what it was."""
    fixed = PersistentVolumeClaimSpec()
    fixed.CopyFrom(spec)
    if not old.spec.volume_name:
        fixed.ClearField("volume_name")
    if not old.spec.HasField("storage_class_name") and spec.HasField("storage_class_name"):
        # A claim without a class may be given the default class once.
        fixed.ClearField("storage_class_name")
    if claim.status.phase == "Bound" or old.status.phase == "Bound":
        fixed.resources.requests.pop("storage", None)
        fixed.ClearField("volume_attributes_class_name")
    return fixed


def _validate_size(report: Report, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
    if "storage" not in new.spec.resources.requests or "storage" not in old.spec.resources.requests:
        return
    size = parse_or_zero(new.spec.resources.requests["storage"])
    if size >= parse_or_zero(old.spec.resources.requests["storage"]):
        return
    # A request that could not be met may be taken back, down to just above what there is.
    if "storage" in old.status.capacity and size <= parse_or_zero(old.status.capacity["storage"]):
        report.forbidden(("spec", "resources", "requests", "storage"), "field can not be less than status.capacity")


def validate_claim_status_update(report: Report, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
    """Judge the changed status of a claim."""
    validate_metadata_update(report, new.metadata, old.metadata)
    for name in sorted(new.status.capacity):
        validate_basic_quantity(report, ("status", "capacity", Key(name)), new.status.capacity[name])
    for name in sorted(new.status.allocated_resource_statuses):
        _validate_resource_key(report, ("status", "allocatedResourceStatus"), name)
        if new.status.allocated_resource_statuses[name] not in _RESIZES:
            report.not_supported(("status", "allocatedResourceStatus"), name, _RESIZES)
    for name in sorted(new.status.allocated_resources):
        _validate_resource_key(report, ("status", "allocatedResources"), name)
        path = ("status", "allocatedResources", Key(name))
        validate_basic_quantity(report, path, new.status.allocated_resources[name])


def _validate_resource_key(report: Report, path: Path, name: str) -> None:
    problems = key_problems(name)
    report.all_invalid(path, name, problems)
    if not problems and is_native(name) and name != "storage":
        report.not_supported(path, name, ("storage",))
