"""Judge Namespaces, ServiceAccounts and Nodes. Pure."""

from __future__ import annotations

from typing import Final

from statefleet.api.core.v1.namespace_pb2 import Namespace
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.service_account_pb2 import ServiceAccount
from statefleet.objects.validation.literals import Raw, quote, string_list
from statefleet.objects.validation.metadata import (
    METADATA,
    validate_finalizer,
    validate_metadata,
    validate_metadata_update,
)
from statefleet.objects.validation.names import cidr, dns_label, dns_subdomain
from statefleet.objects.validation.report import Report
from statefleet.objects.validation.resources import validate_quantity
from statefleet.objects.validation.scheduling import validate_taints

_FINALIZERS: Final = ("spec", "finalizers")


def validate_namespace(report: Report, namespace: Namespace) -> None:
    """Judge a new namespace."""
    validate_metadata(report, namespace.metadata, namespaced=False, name_rule=dns_label)
    for name in namespace.spec.finalizers:
        validate_finalizer(report, _FINALIZERS, name)


def validate_namespace_update(report: Report, new: Namespace, old: Namespace) -> None:
    """Judge a changed namespace."""
    validate_metadata_update(report, new.metadata, old.metadata)
    for index, name in enumerate(new.spec.finalizers):
        validate_finalizer(report, (*_FINALIZERS, index), name)


def validate_namespace_status_update(report: Report, new: Namespace, old: Namespace) -> None:
    """Judge the changed status of a namespace: its phase follows from whether it is being deleted."""
    validate_metadata_update(report, new.metadata, old.metadata)
    deleting = old.metadata.HasField("deletion_timestamp") or new.metadata.HasField("deletion_timestamp")
    phase = "Terminating" if deleting else "Active"
    if new.status.phase != phase:
        state = "is not empty" if deleting else "is empty"
        detail = f"may only be '{phase}' if `deletionTimestamp` {state}"
        report.invalid(("status", "Phase"), new.status.phase, detail)


def validate_service_account(report: Report, account: ServiceAccount) -> None:
    """Judge a new service account."""
    validate_metadata(report, account.metadata, namespaced=True, name_rule=dns_subdomain)


def validate_service_account_update(report: Report, new: ServiceAccount, old: ServiceAccount) -> None:
    """Judge a changed service account."""
    validate_metadata_update(report, new.metadata, old.metadata)


def validate_node(report: Report, node: Node) -> None:
    """Judge a new node."""
    validate_metadata(report, node.metadata, namespaced=False, name_rule=dns_subdomain)
    validate_taints(report, (*METADATA, "taints"), node.spec.taints)
    _validate_resources(report, node)
    _validate_ranges(report, node)


def _validate_resources(report: Report, node: Node) -> None:
    for part, quantities in (("capacity", node.status.capacity), ("allocatable", node.status.allocatable)):
        for name in sorted(quantities):
            validate_quantity(report, ("status", part, name), name, quantities[name])


def _validate_ranges(report: Report, node: Node) -> None:
    path, ranges = ("spec", "podCIDRs"), node.spec.pod_cidrs
    for index, text in enumerate(ranges):
        report.all_invalid((*path, index), text, cidr(text))
        if text in ranges[:index]:
            report.duplicate((*path, index), text)
    if len(ranges) > 2 or (len(ranges) == 2 and (":" in ranges[0]) == (":" in ranges[1])):
        detail = "may specify no more than one CIDR for each IP family"
        report.invalid(path, string_list(ranges), detail)


def validate_node_update(report: Report, new: Node, old: Node) -> None:
    """Judge a changed node: what identifies it stays once it is set."""
    validate_metadata_update(report, new.metadata, old.metadata)
    _validate_resources(report, new)
    _validate_node_addresses(report, new)
    if old.spec.pod_cidrs and list(old.spec.pod_cidrs) != list(new.spec.pod_cidrs):
        detail = 'node updates may not change podCIDR except from "" to valid'
        report.forbidden(("spec", "podCIDRs"), detail)
    if old.spec.provider_id and old.spec.provider_id != new.spec.provider_id:
        detail = 'node updates may not change providerID except from "" to valid'
        report.forbidden(("spec", "providerID"), detail)
    validate_taints(report, (*METADATA, "taints"), new.spec.taints)
    if new.spec.external_id != old.spec.external_id:
        report.forbidden(("spec", "externalID"), "may not be updated")


def _validate_node_addresses(report: Report, node: Node) -> None:
    seen: set[tuple[str, str]] = set()
    for index, address in enumerate(node.status.addresses):
        key = (address.type, address.address)
        if key in seen:
            shown = Raw(f"core.NodeAddress{{Type:{quote(key[0])}, Address:{quote(key[1])}}}")
            report.duplicate(("status", "addresses", index), shown)
        seen.add(key)
