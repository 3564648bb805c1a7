"""Judge environment variables and the fields and resources that they, or files, show to a container. Pure."""

from __future__ import annotations

from typing import Final

from statefleet.api.core.v1.container_pb2 import (
    ConfigMapEnvSource,
    ConfigMapKeySelector,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    FileKeySelector,
    SecretEnvSource,
    SecretKeySelector,
)
from statefleet.api.core.v1.volume_pb2 import ObjectFieldSelector, ResourceFieldSelector
from statefleet.objects.validation.metadata import validate_qualified_name
from statefleet.objects.validation.names import config_key, dns_label, dns_subdomain, environment_name, generated
from statefleet.objects.validation.paths import validate_local_path
from statefleet.objects.validation.report import Path, Report
from statefleet.objects.validation.resources import amount

ENVIRONMENT_FIELDS: Final = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
"""The fields of its pod that a variable can show."""
FILE_FIELDS: Final = (
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
)  # fmt: skip
"""The fields of its pod that a file can show."""
_KNOWN_FIELDS: Final = frozenset({*ENVIRONMENT_FIELDS, *FILE_FIELDS})
_RESOURCES: Final = (
    "limits.cpu", "limits.ephemeral-storage", "limits.memory",
    "requests.cpu", "requests.ephemeral-storage", "requests.memory",
)  # fmt: skip
_HUGE_PAGES: Final = ("limits.hugepages-", "requests.hugepages-")
_BYTE_DIVISORS: Final = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_BYTE_NAMES: Final = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}


def validate_variable(report: Report, path: Path, variable: EnvVar) -> None:
    """Judge one environment variable."""
    if not variable.name:
        report.required((*path, "name"))
    else:
        problems = environment_name(variable.name)
        if problems:
            report.all_invalid((*path, "name"), variable.name, problems)
    if variable.HasField("value_from"):
        _validate_source(report, (*path, "valueFrom"), variable.value_from, has_value=bool(variable.value))


def _validate_source(report: Report, path: Path, source: EnvVarSource, *, has_value: bool) -> None:
    count = len(source.ListFields())
    if source.HasField("field_ref"):
        validate_field(report, (*path, "fieldRef"), source.field_ref, ENVIRONMENT_FIELDS)
    if source.HasField("resource_field_ref"):
        validate_resource_field(report, (*path, "resourceFieldRef"), source.resource_field_ref, in_file=False)
    if source.HasField("config_map_key_ref"):
        _validate_key_ref(report, (*path, "configMapKeyRef"), source.config_map_key_ref)
    if source.HasField("secret_key_ref"):
        _validate_key_ref(report, (*path, "secretKeyRef"), source.secret_key_ref)
    if source.HasField("file_key_ref"):
        _validate_file_key(report, (*path, "fileKeyRef"), source.file_key_ref)
    if not count:
        known = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        report.invalid(path, "", f"must specify one of: {known}")
    elif has_value:
        report.invalid(path, "", "may not be specified when `value` is not empty")
    elif count > 1:
        report.invalid(path, "", "may not have more than one field specified at a time")


def _validate_key_ref(report: Report, path: Path, selector: ConfigMapKeySelector | SecretKeySelector) -> None:
    name = selector.local_object_reference.name
    report.all_invalid((*path, "name"), name, dns_subdomain(name))
    if not selector.key:
        report.required((*path, "key"))
    else:
        report.all_invalid((*path, "key"), selector.key, config_key(selector.key))


def _validate_file_key(report: Report, path: Path, selector: FileKeySelector) -> None:
    if not selector.key:
        report.required((*path, "key"))
    else:
        report.all_invalid((*path, "key"), selector.key, environment_name(selector.key))
    if not selector.volume_name:
        report.required((*path, "volumeName"))
    else:
        report.all_invalid((*path, "volumeName"), selector.volume_name, dns_label(selector.volume_name))
    if not selector.path:
        report.required((*path, "path"))
    else:
        validate_local_path(report, (*path, "path"), selector.path)


def validate_variables_from(report: Report, path: Path, index: int, source: EnvFromSource) -> None:
    """Judge one source of many variables, the `index`th of the list at the path."""
    at = (*path, index)
    if source.prefix:
        report.all_invalid((*at, "prefix"), source.prefix, environment_name(source.prefix))
    has_config_map, has_secret = source.HasField("config_map_ref"), source.HasField("secret_ref")
    if has_config_map:
        _validate_env_source(report, (*at, "configMapRef"), source.config_map_ref)
    if has_secret:
        _validate_env_source(report, (*at, "secretRef"), source.secret_ref)
    if not has_config_map and not has_secret:
        report.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
    elif has_config_map and has_secret:
        report.invalid(path, "", "may not have more than one field specified at a time")


def _validate_env_source(report: Report, path: Path, source: ConfigMapEnvSource | SecretEnvSource) -> None:
    name = source.local_object_reference.name
    if not name:
        report.required((*path, "name"))
    else:
        report.all_invalid((*path, "name"), name, generated(dns_subdomain, name))


def validate_field(report: Report, path: Path, selector: ObjectFieldSelector, fields: tuple[str, ...]) -> None:
    """Judge a reference to one of the pod's own fields."""
    if not selector.api_version:
        report.required((*path, "apiVersion"))
        return
    field = selector.field_path
    if not field:
        report.required((*path, "fieldPath"))
        return
    name, bracket, rest = field.partition("['")
    subscript = rest.removesuffix("']") if bracket and rest.endswith("']") else None
    if selector.api_version != "v1" or (name if subscript is not None else field) not in _KNOWN_FIELDS:
        detail = f"error converting fieldPath: field label not supported: {field}"
        report.invalid((*path, "fieldPath"), field, detail)
    elif subscript is None:
        if field not in fields:
            report.not_supported((*path, "fieldPath"), field, fields)
    elif name == "metadata.annotations":
        validate_qualified_name(report, path, subscript.lower())
    elif name == "metadata.labels":
        validate_qualified_name(report, path, subscript)
    else:
        report.invalid(path, name, "does not support subscript")


def validate_resource_field(report: Report, path: Path, selector: ResourceFieldSelector, *, in_file: bool) -> None:
    """Judge a reference to a container's limit or request; in a file it has to name the container."""
    resource = selector.resource
    if in_file and not selector.container_name:
        report.required((*path, "containerName"))
    elif not resource:
        report.required((*path, "resource"))
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        report.not_supported((*path, "resource"), resource, _RESOURCES)
    _validate_divisor(report, (*path, "divisor"), selector)


def _validate_divisor(report: Report, path: Path, selector: ResourceFieldSelector) -> None:
    divisor = amount(report, path, selector.divisor)
    if not divisor.nano:
        return
    kind = selector.resource.partition(".")[2]
    if kind == "cpu":
        if str(divisor) not in ("1m", "1"):
            detail = "only divisor's values 1m and 1 are supported with the cpu resource"
            report.invalid(path, selector.resource, detail)
        return
    name = "hugepages" if selector.resource.startswith(_HUGE_PAGES) else _BYTE_NAMES.get(kind)
    if name and str(divisor) not in _BYTE_DIVISORS:
        detail = f"only divisor's values {', '.join(_BYTE_DIVISORS)} are supported with the {name} resource"
        report.invalid(path, selector.resource, detail)
