"""Judge resource quantities and what containers and pods request of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from statefleet.api.core.v1.container_pb2 import ResourceClaim, ResourceRequirements
from statefleet.api.meta.v1 import primitives_pb2
from statefleet.objects.label_syntax import key_problems
from statefleet.objects.quantity import Quantity, parse
from statefleet.objects.validation.literals import Raw
from statefleet.objects.validation.names import Problems, dns_label
from statefleet.objects.validation.report import Key, Path, Report

_ZERO: Final = Quantity()
_HUGE_PAGES: Final = "hugepages-"
_CONTAINER_RESOURCES: Final = frozenset({"cpu", "memory", "ephemeral-storage"})
_COUNTED: Final = frozenset({
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims",
    "services.nodeports", "services.loadbalancers",
})  # fmt: skip
_STANDARD: Final = frozenset({
    *_CONTAINER_RESOURCES, *_COUNTED, "storage", "requests.cpu", "requests.memory", "requests.storage",
    "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
})  # fmt: skip


def is_native(name: str) -> bool:
    """Return whether a resource is one of Kubernetes' own."""
    return "/" not in name or "kubernetes.io/" in name


def is_overcommitted(name: str) -> bool:
    """Return whether the requests for a resource may be less than its limit."""
    return is_native(name) and not name.startswith(_HUGE_PAGES)


@lru_cache(1024)
def _is_extended(name: str) -> bool:
    return not is_native(name) and not name.startswith("requests.") and not key_problems(f"requests.{name}")


@lru_cache(1024)
def _name_problems(name: str) -> Problems:
    problems = key_problems(name)
    if not problems and "/" not in name and name not in _STANDARD and not name.startswith(_HUGE_PAGES):
        return ("must be a standard resource type or fully qualified",)
    return problems


@lru_cache(1024)
def _container_name_problems(name: str) -> Problems:
    if name in _CONTAINER_RESOURCES:
        return ()
    problems = _name_problems(name)
    if "/" not in name:
        if not name.startswith(_HUGE_PAGES):
            problems = (*problems, "must be a standard resource for containers")
    elif not is_native(name) and not _is_extended(name):
        problems = (*problems, "doesn't follow extended resource name standard")
    return problems


def amount(report: Report, path: Path, quantity: primitives_pb2.Quantity) -> Quantity:
    """Return what a quantity means; one that means nothing is reported and counts as zero."""
    text = quantity.string
    if not text:
        return _ZERO
    try:
        return parse(text)
    except ValueError as error:
        report.invalid(path, text, str(error))
        return _ZERO


def validate_quantity(report: Report, path: Path, name: str, quantity: primitives_pb2.Quantity) -> Quantity:
    """Judge the amount of a resource, and return it."""
    value = amount(report, path, quantity)
    if value.nano < 0:
        report.invalid(path, str(value), "must be greater than or equal to 0")
    if value.milli() % 1000 and (name in _COUNTED or _is_extended(name)):
        report.invalid(path, Raw(str(value)), "must be an integer")
    return value


def validate_positive(report: Report, path: Path, quantity: primitives_pb2.Quantity) -> bool:
    """Judge an amount that must be more than zero; return whether it is."""
    value = amount(report, path, quantity)
    if value.nano <= 0:
        report.invalid(path, str(value), "must be greater than zero")
        return False
    return True


def validate_basic_quantity(report: Report, path: Path, quantity: primitives_pb2.Quantity) -> None:
    """Judge an amount of which only the sign matters."""
    value = amount(report, path, quantity)
    if value.value() < 0:
        report.invalid(path, value.value(), "must be a valid resource quantity")


def validate_requirements(
    report: Report, path: Path, resources: ResourceRequirements, claim_names: frozenset[str] = frozenset()
) -> None:
    """Judge what a container requests and may use."""
    limits = _validate_amounts(report, (*path, "limits"), resources.limits)
    requests = _validate_amounts(report, (*path, "requests"), resources.requests)
    for name, request in requests.items():
        _validate_request(report, path, name, request, limits.get(name))
    names = limits.keys() | requests.keys()
    if any(name.startswith(_HUGE_PAGES) for name in names) and not names & {"cpu", "memory"}:
        report.forbidden(path, "HugePages require cpu or memory")
    if resources.claims:
        _validate_claims(report, (*path, "claims"), list(resources.claims), claim_names)


def _validate_amounts(
    report: Report, path: Path, quantities: Mapping[str, primitives_pb2.Quantity]
) -> dict[str, Quantity]:
    values = {}
    for name in sorted(quantities):
        at = (*path, Key(name))
        problems = _container_name_problems(name)
        if problems:
            report.all_invalid(at, name, problems)
        values[name] = value = validate_quantity(report, at, name, quantities[name])
        if name.startswith(_HUGE_PAGES):
            _validate_huge_pages(report, at, name, value)
    return values


def _validate_huge_pages(report: Report, path: Path, name: str, value: Quantity) -> None:
    try:
        size = parse(name.removeprefix(_HUGE_PAGES)).value()
    except ValueError:
        size = 0
    if size <= 0 or value.value() % size:
        report.invalid(path, str(value), f"{value} is not positive integer multiple of {name}")


def _validate_request(report: Report, path: Path, name: str, request: Quantity, limit: Quantity | None) -> None:
    if limit is None:
        if not is_overcommitted(name):
            report.required((*path, "limits"), "Limit must be set for non overcommitable resources")
    elif request != limit and not is_overcommitted(name):
        report.invalid((*path, "requests"), str(request), f"must be equal to {name} limit")
    elif request > limit:
        report.invalid((*path, "requests"), str(request), f"must be less than or equal to {name} limit")


def _validate_claims(report: Report, path: Path, claims: list[ResourceClaim], known: frozenset[str]) -> None:
    seen: set[tuple[str, str]] = set()
    for index, claim in enumerate(claims):
        at = (*path, index)
        if not claim.name:
            report.required(at)
            continue
        if claim.request:
            report.all_invalid((*at, "request"), claim.request, dns_label(claim.request))
        whole = (claim.name, "")
        same = (claim.name, claim.request)
        if whole in seen or same in seen or (not claim.request and any(name == claim.name for name, _ in seen)):
            report.duplicate(at, claim.name if whole in seen or not claim.request else "/".join(same))
        seen.add(same)
        if claim.name not in known:
            names = f": {', '.join(sorted(known))}" if known else " which is empty"
            report.not_found(at, claim.name, f"must be one of the names in pod.spec.resourceClaims{names}")


def validate_pod_requirements(report: Report, path: Path, resources: ResourceRequirements) -> None:
    """Judge what a pod as a whole requests and may use."""
    if resources.claims:
        report.forbidden((*path, "claims"), "claims cannot be set for Resources at pod-level")
    for part, quantities in (("limits", resources.limits), ("requests", resources.requests)):
        for name in sorted(quantities):
            at = (*path, part, Key(name))
            problems = _name_problems(name)
            if problems:
                report.all_invalid(at, name, problems)
            elif name not in ("cpu", "memory") and not name.startswith(_HUGE_PAGES):
                report.not_supported(at, name, ("cpu", "hugepages-", "memory"))
            validate_quantity(report, at, name, quantities[name])
    for name in sorted(resources.requests):
        limit = parse_or_zero(resources.limits[name]) if name in resources.limits else None
        _validate_request(report, path, name, parse_or_zero(resources.requests[name]), limit)


def parse_or_zero(quantity: primitives_pb2.Quantity) -> Quantity:
    """Return what a quantity means, zero where it means nothing."""
    try:
        return parse(quantity.string) if quantity.string else _ZERO
    except ValueError:
        return _ZERO
