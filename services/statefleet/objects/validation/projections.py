"""Judge projected volumes, which lay several sources into one directory. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from statefleet.api.core.v1.volume_pb2 import (
    ClusterTrustBundleProjection,
    ConfigMapProjection,
    DownwardAPIProjection,
    PodCertificateProjection,
    ProjectedVolumeSource,
    SecretProjection,
    ServiceAccountTokenProjection,
    VolumeProjection,
)
from statefleet.objects.validation.files import validate_downward_file, validate_item
from statefleet.objects.validation.literals import Raw, label_selector
from statefleet.objects.validation.names import dns_subdomain
from statefleet.objects.validation.paths import validate_local_path, validate_mode
from statefleet.objects.validation.report import Path, Report
from statefleet.objects.validation.selectors import validate_label_selector

_MIN_TOKEN_SECONDS: Final = 600
_MAX_TOKEN_SECONDS: Final = 2**32
_KEY_TYPES: Final = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")


def validate_projected(report: Report, path: Path, source: ProjectedVolumeSource) -> None:
    """Judge a projected volume; no two of its files may have one path."""
    validate_mode(report, (*path, "defaultMode"), source.default_mode)
    taken: set[str] = set()
    for index, projection in enumerate(source.sources):
        at = (*path, "sources", index)
        for file, shown in _validate_projection(report, path, at, projection):
            if file and file in taken:
                report.invalid(path, shown, "conflicting duplicate paths")
            taken.add(file)
        if len(projection.ListFields()) > 1:
            report.forbidden(at, "may not specify more than 1 volume type per source")


def _validate_projection(
    report: Report, path: Path, at: Path, projection: VolumeProjection
) -> Iterable[tuple[str, str]]:
    """Judge one source, and return its files: the path of each and how a clash shows it."""
    if projection.HasField("secret"):
        yield from _validate_keys(report, (*at, "secret"), projection.secret)
    if projection.HasField("config_map"):
        yield from _validate_keys(report, (*at, "configMap"), projection.config_map)
    if projection.HasField("downward_api"):
        yield from _validate_downward_api(report, (*at, "downwardAPI"), projection.downward_api)
    if projection.HasField("service_account_token"):
        _validate_token(report, path, (*at, "serviceAccountToken"), projection.service_account_token)
    if projection.HasField("cluster_trust_bundle"):
        bundle = projection.cluster_trust_bundle
        _validate_trust_bundle(report, (*at, "clusterTrustBundle"), bundle)
        yield bundle.path, bundle.path
    if projection.HasField("pod_certificate"):
        yield from _validate_certificate(report, (*at, "podCertificate"), projection.pod_certificate)


def _validate_keys(
    report: Report, path: Path, source: SecretProjection | ConfigMapProjection
) -> Iterable[tuple[str, str]]:
    name = source.local_object_reference.name
    if not name:
        report.required((*path, "name"))
    for index, item in enumerate(source.items):
        validate_item(report, (*path, "items", index), item)
        yield item.path, name


def _validate_downward_api(report: Report, path: Path, source: DownwardAPIProjection) -> Iterable[tuple[str, str]]:
    for item in source.items:
        validate_downward_file(report, path, item)
        yield item.path, item.path


def _validate_token(report: Report, path: Path, at: Path, token: ServiceAccountTokenProjection) -> None:
    seconds = token.expiration_seconds
    if seconds < _MIN_TOKEN_SECONDS:
        detail = "may not specify a duration less than 10 minutes"
        report.invalid((*at, "expirationSeconds"), seconds, detail)
    if seconds > _MAX_TOKEN_SECONDS:
        detail = "may not specify a duration larger than 2^32 seconds"
        report.invalid((*at, "expirationSeconds"), seconds, detail)
    if not token.path:
        report.required((*path, "path"))
    else:
        validate_local_path(report, (*path, "path"), token.path)


def _validate_trust_bundle(report: Report, path: Path, bundle: ClusterTrustBundleProjection) -> None:
    by_name, by_signer = bundle.HasField("name"), bundle.HasField("signer_name")
    if by_name and by_signer:
        shown = Raw("core.ClusterTrustBundleProjection{...}")
        report.invalid(path, shown, "only one of name and signerName may be used")
    elif by_name:
        _validate_bundle_name(report, path, bundle)
    elif by_signer:
        if not bundle.signer_name:
            report.required((*path, "signerName"), "must be a valid signer name")
        validate_label_selector(report, (*path, "labelSelector"), bundle.label_selector)
    else:
        report.required(path, "either name or signerName must be specified")
    if not bundle.path:
        report.required((*path, "path"))
    validate_local_path(report, (*path, "path"), bundle.path)


def _validate_bundle_name(report: Report, path: Path, bundle: ClusterTrustBundleProjection) -> None:
    if not bundle.name:
        report.required((*path, "name"), "must be a valid object name")
    # A bundle of one signer is named signer:name, with the slash of the signer written as a colon.
    for problem in dns_subdomain(bundle.name.rpartition(":")[2]):
        report.invalid((*path, "name"), bundle.name, f"not a valid clustertrustbundlename: {problem}")
    if bundle.HasField("label_selector"):
        shown = label_selector(bundle.label_selector)
        report.invalid((*path, "labelSelector"), shown, "labelSelector must be unset if name is specified")


def _validate_certificate(
    report: Report, path: Path, certificate: PodCertificateProjection
) -> Iterable[tuple[str, str]]:
    if not certificate.signer_name:
        report.required((*path, "signerName"))
    report.one_of((*path, "keyType"), certificate.key_type, _KEY_TYPES)
    files = (
        ("credentialBundlePath", certificate.credential_bundle_path),
        ("keyPath", certificate.key_path),
        ("certificateChainPath", certificate.certificate_chain_path),
    )
    if not any(file for _, file in files):
        report.required(path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath")
    for name, file in files:
        if file:
            validate_local_path(report, (*path, name), file)
            yield file, file
