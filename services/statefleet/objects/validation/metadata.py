"""Judge ObjectMeta: names, labels, annotations, owners, finalizers, and what an update may not change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from statefleet.api.meta.v1.object_meta_pb2 import ManagedFieldsEntry, ObjectMeta, OwnerReference
from statefleet.objects.label_syntax import key_problems, value_problems
from statefleet.objects.validation.literals import Raw, string_list
from statefleet.objects.validation.names import NameRule, dns_label, generated
from statefleet.objects.validation.report import Path, Report

_Time: TypeAlias = Literal["creation_timestamp", "deletion_timestamp", "deletion_grace_period_seconds"]

METADATA: Final[Path] = ("metadata",)
IMMUTABLE: Final = "field is immutable"
_ANNOTATIONS_BYTES: Final = 256 * 1024
_STANDARD_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_IMMUTABLE_TIMES: Final[tuple[_Time, ...]] = (
    "creation_timestamp",
    "deletion_timestamp",
    "deletion_grace_period_seconds",
)
_MANAGER_LENGTH: Final = 128
_SUBRESOURCE_LENGTH: Final = 256


def validate_metadata(report: Report, meta: ObjectMeta, *, namespaced: bool, name_rule: NameRule) -> None:
    """Judge a new object's metadata; its name has been generated and its namespace filled in."""
    if meta.generate_name:
        problems = generated(name_rule, meta.generate_name)
        report.all_invalid((*METADATA, "generateName"), meta.generate_name, problems)
    if not meta.name:
        report.required((*METADATA, "name"), "name or generateName is required")
    else:
        report.all_invalid((*METADATA, "name"), meta.name, name_rule(meta.name))
    _validate_namespace(report, meta, namespaced=namespaced)
    report.not_negative((*METADATA, "generation"), meta.generation)
    _validate_contents(report, meta)


def validate_metadata_update(report: Report, new: ObjectMeta, old: ObjectMeta) -> None:
    """Judge changed metadata. What the server sets may be left out: it is carried over."""
    if old.HasField("deletion_timestamp"):
        _validate_no_new_finalizers(report, new, old)
    if new.generation < old.generation:
        report.invalid((*METADATA, "generation"), new.generation, "must not be decremented")
    for name, value, before in (
        ("name", new.name, old.name),
        ("namespace", new.namespace, old.namespace),
        ("uid", new.uid, old.uid),
    ):
        if value and value != before:
            report.invalid((*METADATA, name), value, IMMUTABLE)
    for field in _IMMUTABLE_TIMES:
        if new.HasField(field) and (not old.HasField(field) or getattr(new, field) != getattr(old, field)):
            path = (*METADATA, ObjectMeta.DESCRIPTOR.fields_by_name[field].json_name)
            report.invalid(path, Raw(_shown(getattr(new, field))), IMMUTABLE)
    _validate_contents(report, new)


def _shown(value: object) -> str:
    return str(value) if isinstance(value, int) else str(getattr(value, "seconds", ""))


def _validate_namespace(report: Report, meta: ObjectMeta, *, namespaced: bool) -> None:
    path = (*METADATA, "namespace")
    if not namespaced:
        if meta.namespace:
            report.forbidden(path, "not allowed on this type")
    elif not meta.namespace:
        report.required(path)
    else:
        report.all_invalid(path, meta.namespace, dns_label(meta.namespace))


def _validate_contents(report: Report, meta: ObjectMeta) -> None:
    validate_labels(report, (*METADATA, "labels"), meta.labels)
    if meta.annotations:
        validate_annotations(report, (*METADATA, "annotations"), meta.annotations)
    if meta.owner_references:
        _validate_owners(report, meta.owner_references)
    if meta.finalizers:
        _validate_finalizers(report, meta.finalizers)
    if meta.managed_fields:
        _validate_managed_fields(report, meta.managed_fields)


def validate_labels(report: Report, path: Path, labels: Mapping[str, str]) -> None:
    """Judge the keys and values of labels; each cause is about the whole map."""
    bad = [key for key, value in labels.items() if key_problems(key) or value_problems(value)]
    for key in sorted(bad):
        report.all_invalid(path, key, key_problems(key))
        report.all_invalid(path, labels[key], value_problems(labels[key]))


def validate_qualified_name(report: Report, path: Path, name: str) -> None:
    """Judge a label's key, or another name with an optional domain before a slash."""
    problems = key_problems(name)
    if problems:
        report.all_invalid(path, name, problems)


def validate_annotations(report: Report, path: Path, annotations: Mapping[str, str]) -> None:
    """Judge the keys of annotations, whatever their case, and the size of all together."""
    for key in sorted(key for key in annotations if key_problems(key.lower())):
        report.all_invalid(path, key, key_problems(key.lower()))
    if sum(len(key) + len(value) for key, value in annotations.items()) > _ANNOTATIONS_BYTES // 4:
        size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
        if size > _ANNOTATIONS_BYTES:
            report.too_long(path, _ANNOTATIONS_BYTES)


def _validate_owners(report: Report, owners: Iterable[OwnerReference]) -> None:
    path = (*METADATA, "ownerReferences")
    controller = ""
    for owner in owners:
        _validate_owner(report, path, owner)
        if owner.controller:
            name = f"{owner.kind}/{owner.name}"
            if controller:
                detail = (
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {name}'
                )
                report.invalid(path, Raw(_shown_owners(owners)), detail)
            controller = controller or name


def _validate_owner(report: Report, path: Path, owner: OwnerReference) -> None:
    if not owner.api_version.rpartition("/")[2]:
        report.invalid((*path, "apiVersion"), owner.api_version, "version must not be empty")
    for name, value in (("kind", owner.kind), ("name", owner.name), ("uid", owner.uid)):
        if not value:
            report.invalid((*path, name), value, "must not be empty")
    if owner.api_version == "v1" and owner.kind == "Event":
        report.invalid(path, Raw(_shown_owner(owner)), "/v1, Kind=Event is disallowed from being an owner")


def _shown_owners(owners: Iterable[OwnerReference]) -> str:
    return f"[]v1.OwnerReference{{{', '.join(map(_shown_owner, owners))}}}"


def _shown_owner(owner: OwnerReference) -> str:
    return (
        f'v1.OwnerReference{{APIVersion:"{owner.api_version}", Kind:"{owner.kind}", Name:"{owner.name}", '
        f'UID:"{owner.uid}"}}'
    )


def validate_finalizer(report: Report, path: Path, name: str) -> None:
    """Judge the name of a finalizer: a standard one, or one with a domain."""
    validate_qualified_name(report, path, name)
    _validate_standard_finalizer(report, path, name)


def _validate_standard_finalizer(report: Report, path: Path, name: str) -> None:
    if "/" not in name and name not in _STANDARD_FINALIZERS:
        report.invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")


def _validate_finalizers(report: Report, finalizers: Iterable[str]) -> None:
    path = (*METADATA, "finalizers")
    for name in finalizers:
        validate_qualified_name(report, path, name)
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        report.invalid(path, string_list(finalizers), detail)
    for index, name in enumerate(finalizers):
        _validate_standard_finalizer(report, (*path, index), name)


def _validate_no_new_finalizers(report: Report, new: ObjectMeta, old: ObjectMeta) -> None:
    added = sorted(set(new.finalizers) - set(old.finalizers))
    if added:
        detail = (
            "no new finalizers can be added if the object is being deleted, found new finalizers "
            f"{string_list(added)}"
        )
        report.forbidden((*METADATA, "finalizers"), detail)


def _validate_managed_fields(report: Report, entries: Iterable[ManagedFieldsEntry]) -> None:
    for index, entry in enumerate(entries):
        path = (*METADATA, "managedFields", index)
        if entry.operation not in ("Apply", "Update"):
            report.invalid((*path, "operation"), entry.operation, "must be `Apply` or `Update`")
        if entry.fields_type not in ("", "FieldsV1"):
            report.invalid((*path, "fieldsType"), entry.fields_type, "must be `FieldsV1`")
        if len(entry.manager) > _MANAGER_LENGTH:
            report.too_long((*path, "manager"), _MANAGER_LENGTH)
        if len(entry.subresource) > _SUBRESOURCE_LENGTH:
            report.too_long((*path, "subresource"), _SUBRESOURCE_LENGTH)


def validate_template_metadata(report: Report, path: Path, meta: ObjectMeta) -> None:
    """Judge the metadata of a template of which only labels and annotations are used."""
    validate_annotations(report, (*path, "annotations"), meta.annotations)
    validate_labels(report, (*path, "labels"), meta.labels)
    for field, _ in meta.ListFields():
        if field.name not in ("labels", "annotations"):
            report.forbidden((*path, field.json_name), "cannot be set")
