"""Put rows together into a meta.k8s.io/v1 Table. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from statefleet.gateway.tables import cluster, network, storage, workloads
from statefleet.gateway.tables.columns import Printer
from statefleet.gateway.tables.pods import PODS
from statefleet.objects import kinds
from statefleet.objects.codec import encode
from statefleet.objects.kinds import Kind, M

_PRINTERS: Final[dict[Kind[Any], Printer]] = {
    kinds.STATEFUL_SET: workloads.STATEFUL_SETS,
    kinds.DAEMON_SET: workloads.DAEMON_SETS,
    kinds.CONTROLLER_REVISION: workloads.CONTROLLER_REVISIONS,
    kinds.POD_DISRUPTION_BUDGET: workloads.BUDGETS,
    kinds.POD: PODS,
    kinds.NODE: cluster.NODES,
    kinds.NAMESPACE: cluster.NAMESPACES,
    kinds.CONFIG_MAP: cluster.CONFIG_MAPS,
    kinds.SECRET: cluster.SECRETS,
    kinds.SERVICE_ACCOUNT: cluster.SERVICE_ACCOUNTS,
    kinds.EVENT: cluster.EVENTS,
    kinds.SERVICE: network.SERVICES,
    kinds.ENDPOINTS: network.ENDPOINTS,
    kinds.ENDPOINT_SLICE: network.ENDPOINT_SLICES,
    kinds.PERSISTENT_VOLUME_CLAIM: storage.CLAIMS,
    kinds.PERSISTENT_VOLUME: storage.VOLUMES,
    kinds.STORAGE_CLASS: storage.STORAGE_CLASSES,
}


def table(
    kind: Kind[M],
    messages: Sequence[M],
    *,
    include_object: str = "Metadata",
    now: float,
    columns: bool = True,
    list_meta: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the Table of some objects of one kind, rows in the order given.

    `include_object` is what each row carries besides its cells: None, Metadata (a PartialObjectMetadata) or Object.
    `now` is in seconds since the epoch; ages count from it. `columns` is false for the second and later tables of
    a watch, which leave the definitions out. `list_meta` is the metadata of a list: resourceVersion, continue, ...
    """
    return printed(
        _PRINTERS.get(kind, cluster.FALLBACK),
        messages,
        include_object=include_object,
        now=now,
        columns=columns,
        list_meta=list_meta,
    )


def printed(
    printer: Printer,
    messages: Sequence[Any],
    *,
    include_object: str = "Metadata",
    now: float,
    columns: bool = True,
    list_meta: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the Table of some objects by their printer, as `table` does."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_meta or {},
        "columnDefinitions": [column.definition() for column in printer.columns] if columns else None,
        "rows": [_row(printer, message, include_object, now) for message in messages],
    }


def _row(printer: Printer, message: Any, include_object: str, now: float) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": printer.cells(message, now)}
    if conditions := printer.conditions(message):
        row["conditions"] = conditions
    row["object"] = _carried(message, include_object)
    return row


def _carried(message: Any, include_object: str) -> dict[str, Any] | None:
    if include_object == "None":
        return None
    if include_object == "Object":
        return encode(message)
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": encode(message.metadata)}
