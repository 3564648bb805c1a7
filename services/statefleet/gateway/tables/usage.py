"""What `kubectl get` prints of what nodes and pods use, with the columns of Kubernetes' metrics server."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any, Final

from statefleet.gateway.tables.columns import NAME, Cell, Column, Printer
from statefleet.objects import quantity

_COLUMNS: Final = (
    NAME,
    Column("cpu", "Processors used, on average over the window.", format="quantity"),
    Column("memory", "Working set.", format="quantity"),
    Column("Window", "Over how long it was measured.", format="duration"),
)


def _node_cells(metrics: Any, _: float) -> list[Cell]:
    return _cells(metrics, [metrics.usage])


def _pod_cells(metrics: Any, _: float) -> list[Cell]:
    return _cells(metrics, [container.usage for container in metrics.containers])


def _cells(metrics: Any, usages: Iterable[Any]) -> list[Cell]:
    sums = (reduce(quantity.add, (usage[name].string for usage in usages), "0") for name in ("cpu", "memory"))
    return [metrics.metadata.name, *sums, metrics.window]


NODE_METRICS: Final = Printer(_COLUMNS, _node_cells)
POD_METRICS: Final = Printer(_COLUMNS, _pod_cells)
