"""Judge ConfigMaps and Secrets. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from statefleet.api.core.v1.config_pb2 import ConfigMap, Secret
from statefleet.objects.validation.metadata import IMMUTABLE, validate_metadata, validate_metadata_update
from statefleet.objects.validation.names import config_key, dns_subdomain
from statefleet.objects.validation.report import Key, Report

_MAX_BYTES: Final = 1024 * 1024
_SEALED: Final = "field is immutable when `immutable` is set"
_ACCOUNT_ANNOTATION: Final = "kubernetes.io/service-account.name"
_REQUIRED_KEYS: Final = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON_TYPES: Final = ("kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson")


def validate_config_map(report: Report, config_map: ConfigMap) -> None:
    """Judge a new ConfigMap."""
    validate_metadata(report, config_map.metadata, namespaced=True, name_rule=dns_subdomain)
    _validate_config_data(report, config_map)


def _validate_config_data(report: Report, config_map: ConfigMap) -> None:
    _validate_keys(report, "data", config_map.data)
    for key in sorted(config_map.data):
        if key in config_map.binary_data:
            report.invalid(("data", Key(key)), key, "duplicate of key present in binaryData")
    _validate_keys(report, "binaryData", config_map.binary_data)
    texts = sum(len(text.encode()) for text in config_map.data.values())
    if texts + sum(map(len, config_map.binary_data.values())) > _MAX_BYTES:
        report.too_long(("",), _MAX_BYTES)


def _validate_keys(report: Report, field: str, keys: Iterable[str]) -> None:
    for key in sorted(keys):
        report.all_invalid((field, Key(key)), key, config_key(key))


def validate_config_map_update(report: Report, new: ConfigMap, old: ConfigMap) -> None:
    """Judge a changed ConfigMap."""
    validate_metadata_update(report, new.metadata, old.metadata)
    if old.immutable:
        binary = ("binaryData", new.binary_data, old.binary_data)
        _validate_sealed(report, new, (("data", new.data, old.data), binary))
    _validate_config_data(report, new)


def _validate_sealed(report: Report, new: ConfigMap | Secret, parts: Iterable[tuple[str, Any, Any]]) -> None:
    if not new.immutable:
        report.forbidden(("immutable",), _SEALED)
    for name, now, before in parts:
        if dict(now) != dict(before):
            report.forbidden((name,), _SEALED)


def validate_secret(report: Report, secret: Secret) -> None:
    """Judge a new Secret; causes never show what it holds."""
    validate_metadata(report, secret.metadata, namespaced=True, name_rule=dns_subdomain)
    _validate_secret_data(report, secret)


def _validate_secret_data(report: Report, secret: Secret) -> None:
    _validate_keys(report, "data", secret.data)
    if sum(map(len, secret.data.values())) > _MAX_BYTES:
        report.too_long(("data",), _MAX_BYTES)
    if secret.type == "kubernetes.io/service-account-token":
        if not secret.metadata.annotations.get(_ACCOUNT_ANNOTATION):
            report.required(("metadata", "annotations", Key(_ACCOUNT_ANNOTATION)))
    elif secret.type == "kubernetes.io/basic-auth" and not {"username", "password"} & secret.data.keys():
        report.required(("data", Key("username")))
        report.required(("data", Key("password")))
    for key in _REQUIRED_KEYS.get(secret.type, ()):
        _validate_required_key(report, secret, key)


def _validate_required_key(report: Report, secret: Secret, key: str) -> None:
    path = ("data", Key(key))
    if key not in secret.data or (key == "ssh-privatekey" and not secret.data[key]):
        report.required(path)
    elif secret.type in _JSON_TYPES:
        try:
            orjson.loads(secret.data[key])
        except orjson.JSONDecodeError as error:
            report.invalid(path, "<secret contents redacted>", error.msg)


def validate_secret_update(report: Report, new: Secret, old: Secret) -> None:
    """Judge a changed Secret: its type stays."""
    validate_metadata_update(report, new.metadata, old.metadata)
    if new.type != old.type:
        report.invalid(("type",), new.type, IMMUTABLE)
    if old.immutable:
        _validate_sealed(report, new, (("data", new.data, old.data),))
    _validate_secret_data(report, new)
