"""Judge the files that volumes make of keys, fields and resources. Pure."""

from __future__ import annotations

from statefleet.api.core.v1.volume_pb2 import DownwardAPIVolumeFile, KeyToPath
from statefleet.objects.validation.environment import FILE_FIELDS, validate_field, validate_resource_field
from statefleet.objects.validation.paths import validate_local_path, validate_mode
from statefleet.objects.validation.report import Path, Report


def validate_item(report: Report, path: Path, item: KeyToPath) -> None:
    """Judge where one key of a ConfigMap or Secret becomes a file."""
    if not item.key:
        report.required((*path, "key"))
    if not item.path:
        report.required((*path, "path"))
    validate_local_path(report, (*path, "path"), item.path)
    validate_mode(report, (*path, "mode"), item.mode)


def validate_downward_file(report: Report, path: Path, item: DownwardAPIVolumeFile) -> None:
    """Judge a file that shows a field of the pod or a resource of a container."""
    if not item.path:
        report.required((*path, "path"))
    validate_local_path(report, (*path, "path"), item.path)
    if item.HasField("field_ref"):
        validate_field(report, (*path, "fieldRef"), item.field_ref, FILE_FIELDS)
        if item.HasField("resource_field_ref"):
            report.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif item.HasField("resource_field_ref"):
        validate_resource_field(report, (*path, "resourceFieldRef"), item.resource_field_ref, in_file=True)
    else:
        report.required(path, "one of fieldRef and resourceFieldRef is required")
    validate_mode(report, (*path, "mode"), item.mode)
