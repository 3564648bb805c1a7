"""Judge the cluster addresses of Services and their families. Pure."""

from __future__ import annotations

from typing import Final

from statefleet.api.core.v1.service_pb2 import ServiceSpec
from statefleet.network import parse_ip
from statefleet.objects.validation.literals import Raw, string_list
from statefleet.objects.validation.names import ip_address, two_families
from statefleet.objects.validation.report import Path, Report

_SPEC: Final[Path] = ("spec",)
_ADDRESSES: Final[Path] = (*_SPEC, "clusterIPs")
_FAMILIES: Final = ("IPv4", "IPv6")
_FAMILY_POLICIES: Final = ("PreferDualStack", "RequireDualStack", "SingleStack")
_ONCE_SET: Final = "may not change once set"


def validate_addresses(report: Report, spec: ServiceSpec) -> None:
    """Judge clusterIP, clusterIPs and their families; an external name's have been forbidden."""
    if spec.type == "ExternalName":
        return
    addresses = list(spec.cluster_ips)
    _validate_primary(report, spec.cluster_ip, addresses)
    for index, family in enumerate(spec.ip_families):
        if family not in _FAMILIES:
            report.not_supported((*_SPEC, "ipFamilies", index), family, _FAMILIES)
        if family in spec.ip_families[:index]:
            report.duplicate((*_SPEC, "ipFamilies", index), family)
    if spec.HasField("ip_family_policy") and spec.ip_family_policy not in _FAMILY_POLICIES:
        report.not_supported((*_SPEC, "ipFamilyPolicy"), spec.ip_family_policy, _FAMILY_POLICIES)
    if not _validate_each(report, addresses):
        return
    if len(addresses) > 1 and not two_families(addresses):
        detail = "may specify no more than one IP for each IP family"
        report.invalid(_ADDRESSES, string_list(addresses), detail)
    if addresses != ["None"]:
        _validate_families(report, addresses, list(spec.ip_families))


def _validate_primary(report: Report, primary: str, addresses: list[str]) -> None:
    if primary:
        if not addresses:
            report.required(_ADDRESSES)
        elif addresses[0] != primary:
            report.invalid(_ADDRESSES, string_list(addresses), "first value must match `clusterIP`")
    elif addresses:
        detail = "must be empty when `clusterIP` is not specified"
        report.invalid(_ADDRESSES, string_list(addresses), detail)


def _validate_each(report: Report, addresses: list[str]) -> bool:
    """Judge each address alone; return whether all are such that comparing them makes sense."""
    valid = True
    for index, address in enumerate(addresses):
        if index == 0 and address == "None":
            if len(addresses) > 1:
                valid = False
                report.invalid(_ADDRESSES, string_list(addresses), "'None' must be the first and only value")
            continue
        problems = ip_address(address)
        valid = valid and not problems
        report.all_invalid((*_ADDRESSES, index), address, problems)
    if len(addresses) > 2:
        report.invalid(_ADDRESSES, string_list(addresses), "may only hold up to 2 values")
    return valid


def _validate_families(report: Report, addresses: list[str], families: list[str]) -> None:
    for index, (text, family) in enumerate(zip(addresses, families, strict=False)):
        address = parse_ip(text)
        if address is not None and family in _FAMILIES and family != f"IPv{address.version}":
            detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            report.invalid((*_ADDRESSES, index), text, detail)


def validate_addresses_update(report: Report, new: ServiceSpec, old: ServiceSpec) -> None:
    """Judge changed addresses: the first stays, a second may come and, with SingleStack, go."""
    if "ExternalName" in (new.type, old.type):
        return
    headless = list(new.cluster_ips) == ["None"], list(old.cluster_ips) == ["None"]
    if not all(headless):
        _validate_kept(report, "clusterIPs", "clusterIP", list(new.cluster_ips), list(old.cluster_ips), new)
    if not any(headless):
        _validate_kept(report, "ipFamilies", "ipFamily", list(new.ip_families), list(old.ip_families), new)


def _validate_kept(report: Report, field: str, one: str, new: list[str], old: list[str], spec: ServiceSpec) -> None:
    path = (*_SPEC, field)
    if len(new) == len(old):
        for index, value in enumerate(old):
            if new[index] != value:
                report.invalid((*path, index), string_list(new), _ONCE_SET)
        return
    if old and not new:
        report.invalid((*path, 0), string_list(new), f"primary {one} can not be unset")
    elif old and new[0] != old[0]:
        report.invalid((*path, 0), string_list(new), _ONCE_SET)
    if len(old) > len(new) == 1 and spec.ip_family_policy != "SingleStack":
        shown = spec.ip_family_policy if spec.HasField("ip_family_policy") else Raw("null")
        detail = f"must be set to 'SingleStack' when releasing the secondary {one}"
        report.invalid((*_SPEC, "ipFamilyPolicy"), shown, detail)
