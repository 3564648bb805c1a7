"""Judge the volumes of a pod. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from statefleet.api.core.v1.volume_pb2 import (
    ConfigMapVolumeSource,
    CSIVolumeSource,
    DownwardAPIVolumeSource,
    EmptyDirVolumeSource,
    EphemeralVolumeSource,
    GitRepoVolumeSource,
    ImageVolumeSource,
    KeyToPath,
    PersistentVolumeClaimVolumeSource,
    SecretVolumeSource,
    Volume,
)
from statefleet.objects.validation import volume_sources as common
from statefleet.objects.validation.claims import validate_claim_spec
from statefleet.objects.validation.files import validate_downward_file, validate_item
from statefleet.objects.validation.metadata import validate_template_metadata
from statefleet.objects.validation.names import dns_label, dns_subdomain
from statefleet.objects.validation.paths import validate_descending_path, validate_mode
from statefleet.objects.validation.projections import validate_projected
from statefleet.objects.validation.report import Path, Report
from statefleet.objects.validation.resources import amount

_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_ONE_SOURCE: Final = "may not specify more than 1 volume type"


def validate_volumes(report: Report, path: Path, volumes: Iterable[Volume], pod_name: str) -> dict[str, str]:
    """Judge a pod's volumes; `pod_name` is empty for a template. Return the kinds of the valid ones by name."""
    kinds: dict[str, str] = {}
    for index, volume in enumerate(volumes):
        at, name = (*path, index), volume.name
        before = len(report.causes)
        kind = _validate_source(report, at, volume, pod_name)
        if not name:
            report.required((*at, "name"))
        elif problems := dns_label(name):
            report.all_invalid((*at, "name"), name, problems)
        if name in kinds:
            report.duplicate((*at, "name"), name)
        if len(report.causes) == before:
            kinds[name] = kind
    return kinds


def _validate_source(report: Report, path: Path, volume: Volume, pod_name: str) -> str:
    sources = sorted(volume.volume_source.ListFields(), key=lambda item: _ORDER[item[0].name])
    if not sources:
        report.required(path, "must specify a volume type")
        return ""
    (field, source), *others = sources
    _SOURCES[field.name](report, (*path, _NAMED.get(field.name, field.json_name)), source)
    for other, _ in others:
        report.forbidden((*path, other.json_name), _ONE_SOURCE)
    if field.name == "iscsi":
        common.validate_portal_length(report, (*path, "name"), volume.name, volume.name, source)
    elif field.name == "ephemeral" and pod_name and volume.name:
        claim = f"{pod_name}-{volume.name}"
        for problem in dns_subdomain(claim):
            report.invalid((*path, "name"), volume.name, f'PVC name "{claim}": {problem}')
    return field.name


def _validate_empty_dir(report: Report, path: Path, source: EmptyDirVolumeSource) -> None:
    if source.HasField("size_limit") and amount(report, (*path, "sizeLimit"), source.size_limit).nano < 0:
        report.forbidden((*path, "sizeLimit"), "SizeLimit field must be a valid resource quantity")


def _validate_git_repo(report: Report, path: Path, source: GitRepoVolumeSource) -> None:
    if not source.repository:
        report.required((*path, "repository"))
    validate_descending_path(report, (*path, "directory"), source.directory)


def _validate_secret(report: Report, path: Path, source: SecretVolumeSource) -> None:
    if not source.secret_name:
        report.required((*path, "secretName"))
    validate_mode(report, (*path, "defaultMode"), source.default_mode)
    _validate_items(report, path, source.items)


def _validate_config_map(report: Report, path: Path, source: ConfigMapVolumeSource) -> None:
    if not source.local_object_reference.name:
        report.required((*path, "name"))
    validate_mode(report, (*path, "defaultMode"), source.default_mode)
    _validate_items(report, path, source.items)


def _validate_items(report: Report, path: Path, items: Iterable[KeyToPath]) -> None:
    for index, item in enumerate(items):
        validate_item(report, (*path, "items", index), item)


def _validate_claim(report: Report, path: Path, source: PersistentVolumeClaimVolumeSource) -> None:
    if not source.claim_name:
        report.required((*path, "claimName"))


def _validate_downward_api(report: Report, path: Path, source: DownwardAPIVolumeSource) -> None:
    validate_mode(report, (*path, "defaultMode"), source.default_mode)
    for item in source.items:
        validate_downward_file(report, path, item)


def _validate_csi(report: Report, path: Path, source: CSIVolumeSource) -> None:
    common.validate_csi_driver(report, (*path, "driver"), source.driver)
    if source.HasField("node_publish_secret_ref"):
        name = source.node_publish_secret_ref.name
        if not name:
            report.required((*path, "nodePublishSecretRef", "name"))
        else:
            report.all_invalid((*path, "name"), name, dns_subdomain(name))


def _validate_ephemeral(report: Report, path: Path, source: EphemeralVolumeSource) -> None:
    at = (*path, "volumeClaimTemplate")
    if not source.HasField("volume_claim_template"):
        report.required(at)
        return
    template = source.volume_claim_template
    validate_template_metadata(report, (*at, "metadata"), template.metadata)
    validate_claim_spec(report, (*at, "spec"), template.spec)


def _validate_image(report: Report, path: Path, source: ImageVolumeSource) -> None:
    if not source.reference:
        report.required((*path, "reference"))
    report.one_of((*path, "pullPolicy"), source.pull_policy, _PULL_POLICIES)


_SOURCES: Final[dict[str, Callable[[Report, Path, Any], None]]] = {
    "empty_dir": _validate_empty_dir,
    "host_path": common.validate_host_path,
    "git_repo": _validate_git_repo,
    "gce_persistent_disk": common.validate_disk,
    "aws_elastic_block_store": common.validate_disk,
    "secret": _validate_secret,
    "nfs": common.validate_nfs,
    "iscsi": common.validate_iscsi,
    "glusterfs": common.validate_glusterfs,
    "flocker": common.validate_flocker,
    "persistent_volume_claim": _validate_claim,
    "rbd": common.validate_rbd,
    "cinder": common.validate_cinder,
    "cephfs": common.validate_cephfs,
    "quobyte": common.validate_quobyte,
    "downward_api": _validate_downward_api,
    "fc": common.validate_fc,
    "flex_volume": common.validate_flex,
    "config_map": _validate_config_map,
    "azure_file": common.validate_azure_file,
    "vsphere_volume": common.validate_vsphere,
    "photon_persistent_disk": common.validate_photon,
    "portworx_volume": common.validate_portworx,
    "azure_disk": common.validate_azure_disk,
    "storageos": common.validate_storageos,
    "projected": validate_projected,
    "scale_io": common.validate_scale_io,
    "csi": _validate_csi,
    "ephemeral": _validate_ephemeral,
    "image": _validate_image,
}
"""In the order in which Kubernetes looks at them: the first is judged, all others are too many."""
_ORDER: Final = {name: position for position, name in enumerate(_SOURCES)}
_NAMED: Final = {"gce_persistent_disk": "persistentDisk"}
"""Where causes name a source otherwise than the API does."""
