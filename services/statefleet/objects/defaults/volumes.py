"""Defaults of a pod's volumes (v1). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statefleet.api.core.v1.volume_pb2 import (
    DownwardAPIProjection,
    DownwardAPIVolumeSource,
    EphemeralVolumeSource,
    ImageVolumeSource,
    ProjectedVolumeSource,
    VolumeSource,
)
from statefleet.objects.defaults.images import pull_policy
from statefleet.objects.defaults.storage import (
    default_azure_disk,
    default_claim_spec,
    default_host_path,
    default_iscsi,
    default_rbd,
    default_scale_io,
)

_MODE = 0o644
_TOKEN_SECONDS = 3600


def default_volume_source(source: VolumeSource) -> None:
    """Fill in a volume's source; one that names none is an emptyDir."""
    fields = source.ListFields()
    if not fields:
        source.empty_dir.SetInParent()
        return
    for field, value in fields:
        default = _SOURCES.get(field.name)
        if default is not None:
            default(value)


def _default_mode(source: Any) -> None:
    if not source.HasField("default_mode"):
        source.default_mode = _MODE


def _default_downward_items(source: DownwardAPIVolumeSource | DownwardAPIProjection) -> None:
    for item in source.items:
        if item.HasField("field_ref") and not item.field_ref.api_version:
            item.field_ref.api_version = "v1"


def _default_downward_api(source: DownwardAPIVolumeSource) -> None:
    _default_mode(source)
    _default_downward_items(source)


def _default_projected(source: ProjectedVolumeSource) -> None:
    _default_mode(source)
    for projection in source.sources:
        if projection.HasField("downward_api"):
            _default_downward_items(projection.downward_api)
        if projection.HasField("service_account_token"):
            token = projection.service_account_token
            if not token.HasField("expiration_seconds"):
                token.expiration_seconds = _TOKEN_SECONDS


def _default_image(source: ImageVolumeSource) -> None:
    if not source.pull_policy:
        source.pull_policy = pull_policy(source.reference)


def _default_ephemeral(source: EphemeralVolumeSource) -> None:
    if source.HasField("volume_claim_template"):
        default_claim_spec(source.volume_claim_template.spec)


_SOURCES: dict[str, Callable[[Any], None]] = {
    "host_path": default_host_path,
    "secret": _default_mode,
    "config_map": _default_mode,
    "downward_api": _default_downward_api,
    "projected": _default_projected,
    "ephemeral": _default_ephemeral,
    "image": _default_image,
    "iscsi": default_iscsi,
    "rbd": default_rbd,
    "azure_disk": default_azure_disk,
    "scale_io": default_scale_io,
}
