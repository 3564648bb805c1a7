"""Judge the sources that volumes of pods and persistent volumes have in common, most of them of cloud vendors. Pure.

A source whose form differs between the two (a secret with or without its namespace) is judged by the fields it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from statefleet.api.core.v1.persistent_volume_pb2 import (
    AzureDiskVolumeSource,
    FCVolumeSource,
    HostPathVolumeSource,
    NFSVolumeSource,
)
from statefleet.objects.validation.literals import string_list
from statefleet.objects.validation.names import dns_label, dns_subdomain, out_of_range
from statefleet.objects.validation.paths import validate_no_backsteps
from statefleet.objects.validation.report import Key, Path, Report

HOST_PATH_TYPES: Final = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip
_AZURE_CACHING: Final = ("None", "ReadOnly", "ReadWrite")
_AZURE_KINDS: Final = ("Dedicated", "Managed", "Shared")
_AZURE_MANAGED: Final = (
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
)
_AZURE_BLOB: Final = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
_PORTAL_LENGTH: Final = 64
_is_iqn = re.compile(r"iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)").fullmatch
_is_eui = re.compile(r"eui.[a-zA-Z0-9]{16}").fullmatch
_is_naa = re.compile(r"naa.[a-zA-Z0-9]{32}").fullmatch


def require(report: Report, path: Path, values: Iterable[tuple[str, object]]) -> None:
    """Report each named value that is empty."""
    for name, value in values:
        if not value:
            report.required((*path, name))


def validate_host_path(report: Report, path: Path, source: HostPathVolumeSource) -> None:
    """Judge a path of the host."""
    if not source.path:
        report.required((*path, "path"))
        return
    validate_no_backsteps(report, (*path, "path"), source.path)
    if source.type not in HOST_PATH_TYPES:
        report.not_supported((*path, "type"), source.type, HOST_PATH_TYPES)


def validate_nfs(report: Report, path: Path, source: NFSVolumeSource) -> None:
    """Judge an NFS share."""
    require(report, path, (("server", source.server), ("path", source.path)))
    if not source.path.startswith("/"):
        report.invalid((*path, "path"), source.path, "must be an absolute path")


def validate_disk(report: Report, path: Path, source: Any) -> None:
    """Judge a Google or Amazon disk."""
    name, value = ("pdName", source.pd_name) if hasattr(source, "pd_name") else ("volumeID", source.volume_id)
    require(report, path, ((name, value),))
    if not 0 <= source.partition <= 255:
        report.invalid((*path, "partition"), source.partition, out_of_range(1, 255))


def validate_iscsi(report: Report, path: Path, source: Any) -> None:
    """Judge an iSCSI disk."""
    require(report, path, (("targetPortal", source.target_portal), ("iqn", source.iqn)))
    if source.iqn:
        _validate_initiator(report, (*path, "iqn"), source.iqn)
    if not 0 <= source.lun <= 255:
        report.invalid((*path, "lun"), source.lun, out_of_range(0, 255))
    if (source.chap_auth_discovery or source.chap_auth_session) and not source.HasField("secret_ref"):
        report.required((*path, "secretRef"))
    if source.HasField("initiator_name"):
        _validate_initiator(report, (*path, "initiatorname"), source.initiator_name)


def _validate_initiator(report: Report, path: Path, name: str) -> None:
    if not name.startswith(("iqn", "eui", "naa")):
        report.invalid(path, name, "must be valid format starting with iqn, eui, or naa")
    elif not (_is_iqn(name) or _is_eui(name) or _is_naa(name)):
        report.invalid(path, name, "must be valid format")


def validate_portal_length(report: Report, path: Path, shown: str, volume: str, source: Any) -> None:
    """Judge the length of an iSCSI volume's name and portal together where it names its initiator."""
    if source.HasField("initiator_name") and len(f"{volume}:{source.target_portal}") > _PORTAL_LENGTH:
        detail = (
            f"Total length of <volume name>:<iscsi.targetPortal> must be under {_PORTAL_LENGTH} characters if "
            "iscsi.initiatorName is specified."
        )
        report.invalid(path, shown, detail)


def validate_fc(report: Report, path: Path, source: FCVolumeSource) -> None:
    """Judge a fibre channel disk."""
    at = (*path, "targetWWNs")
    if not source.target_wwns and not source.wwids:
        report.required(at, "must specify either targetWWNs or wwids, but not both")
    if source.target_wwns and source.wwids:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        report.invalid(at, string_list(source.target_wwns), detail)
    if source.target_wwns:
        if not source.HasField("lun"):
            report.required((*path, "lun"), "lun is required if targetWWNs is specified")
        elif not 0 <= source.lun <= 255:
            report.invalid((*path, "lun"), source.lun, out_of_range(0, 255))


def validate_glusterfs(report: Report, path: Path, source: Any) -> None:
    """Judge a Gluster volume."""
    require(report, path, (("endpoints", source.endpoints), ("path", source.path)))


def validate_flocker(report: Report, path: Path, source: Any) -> None:
    """Judge a Flocker dataset."""
    if not source.dataset_name and not source.dataset_uuid:
        report.required(path, "one of datasetName and datasetUUID is required")
    if source.dataset_name and source.dataset_uuid:
        report.invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously")
    if "/" in source.dataset_name:
        report.invalid((*path, "datasetName"), source.dataset_name, "must not contain '/'")


def validate_rbd(report: Report, path: Path, source: Any) -> None:
    """Judge a Ceph block device."""
    require(report, path, (("monitors", source.monitors), ("image", source.image)))


def validate_cephfs(report: Report, path: Path, source: Any) -> None:
    """Judge a Ceph file system."""
    require(report, path, (("monitors", source.monitors),))


def validate_quobyte(report: Report, path: Path, source: Any) -> None:
    """Judge a Quobyte volume."""
    detail = "must be a host:port pair or multiple pairs separated by commas"
    if not source.registry:
        report.required((*path, "registry"), detail)
    elif len(source.tenant) > 64:
        report.required((*path, "tenant"), "must be a UUID and may not exceed a length of 64 characters")
    else:
        for pair in source.registry.split(","):
            if not pair.rpartition(":")[1]:
                report.invalid((*path, "registry"), source.registry, detail)
    require(report, path, (("volume", source.volume),))


def validate_cinder(report: Report, path: Path, source: Any) -> None:
    """Judge an OpenStack disk."""
    require(report, path, (("volumeID", source.volume_id),))
    _validate_secret(report, path, source)


def _validate_secret(report: Report, path: Path, source: Any) -> None:
    if source.HasField("secret_ref"):
        secret = source.secret_ref
        require(report, (*path, "secretRef"), (("name", secret.name),))
        if hasattr(secret, "namespace"):
            require(report, (*path, "secretRef"), (("namespace", secret.namespace),))


def validate_flex(report: Report, path: Path, source: Any) -> None:
    """Judge a Flex volume."""
    require(report, path, (("driver", source.driver),))
    for key in sorted(source.options):
        domain = "." + key.partition("/")[0].lower()
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            report.invalid((*path, "options", Key(key)), key, "kubernetes.io and k8s.io namespaces are reserved")


def validate_azure_file(report: Report, path: Path, source: Any) -> None:
    """Judge an Azure file share."""
    require(report, path, (("secretName", source.secret_name), ("shareName", source.share_name)))
    if hasattr(source, "secret_namespace") and source.HasField("secret_namespace"):
        require(report, path, (("secretNamespace", source.secret_namespace),))


def validate_azure_disk(report: Report, path: Path, source: AzureDiskVolumeSource) -> None:
    """Judge an Azure disk."""
    require(report, path, (("diskName", source.disk_name), ("diskURI", source.disk_uri)))
    if source.HasField("caching_mode") and source.caching_mode not in _AZURE_CACHING:
        report.not_supported((*path, "cachingMode"), source.caching_mode, _AZURE_CACHING)
    if not source.HasField("kind"):
        return
    if source.kind not in _AZURE_KINDS:
        report.not_supported((*path, "kind"), source.kind, _AZURE_KINDS)
    managed = source.kind == "Managed"
    if not source.disk_uri.startswith("/subscriptions/" if managed else "https://"):
        report.not_supported((*path, "diskURI"), source.disk_uri, (_AZURE_MANAGED if managed else _AZURE_BLOB,))


def validate_vsphere(report: Report, path: Path, source: Any) -> None:
    """Judge a vSphere disk."""
    require(report, path, (("volumePath", source.volume_path),))


def validate_photon(report: Report, path: Path, source: Any) -> None:
    """Judge a Photon disk."""
    require(report, path, (("pdID", source.pd_id),))


def validate_portworx(report: Report, path: Path, source: Any) -> None:
    """Judge a Portworx volume."""
    require(report, path, (("volumeID", source.volume_id),))


def validate_scale_io(report: Report, path: Path, source: Any) -> None:
    """Judge a ScaleIO volume."""
    values = (("gateway", source.gateway), ("system", source.system), ("volumeName", source.volume_name))
    require(report, path, values)


def validate_storageos(report: Report, path: Path, source: Any) -> None:
    """Judge a StorageOS volume."""
    if not source.volume_name:
        report.required((*path, "volumeName"))
    else:
        report.all_invalid((*path, "volumeName"), source.volume_name, dns_label(source.volume_name))
    if source.volume_namespace:
        report.all_invalid((*path, "volumeNamespace"), source.volume_namespace, dns_label(source.volume_namespace))
    _validate_secret(report, path, source)


def validate_csi_driver(report: Report, path: Path, name: str) -> None:
    """Judge the name of a CSI driver."""
    if not name:
        report.required(path)
    if len(name) > 63:
        report.too_long(path, 63)
    report.all_invalid(path, name, dns_subdomain(name.lower()))
