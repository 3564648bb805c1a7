"""What a printer is: the columns of a kind and how its cells are made. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.meta.v1.selector_pb2 import LabelSelector as SelectorMessage
from statefleet.errors import FleetError
from statefleet.objects.selectors import LabelSelector

Cell = str | int | bool
WIDE: Final = 1
"""The priority of columns that only `-o wide` shows."""
NONE: Final = "<none>"
UNSET: Final = "<unset>"
UNKNOWN: Final = "<unknown>"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; priority 0 is always shown, WIDE only on request."""

    name: str
    description: str
    type: str = "string"
    format: str = ""
    priority: int = 0

    def definition(self) -> dict[str, Any]:
        """Return the TableColumnDefinition."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True)
class Printer:
    """The columns of a kind, its cells in the same order, and what else a row says of the object."""

    columns: tuple[Column, ...]
    cells: Callable[[Any, float], list[Cell]]
    """(message, now in seconds since the epoch) -> one cell a column, the wide ones too."""
    conditions: Callable[[Any], list[dict[str, str]]] = lambda _: []
    """(message) -> the TableRowConditions, such as that a pod has run to its end."""


NAME: Final = Column("Name", "Name of the object, unique among its kind in its namespace.", format="name")
AGE: Final = Column("Age", "Time since the object was created.")
CONTAINERS: Final = Column("Containers", "Names of the containers in the pod template.", priority=WIDE)
IMAGES: Final = Column("Images", "Images of the containers in the pod template.", priority=WIDE)


def container_cells(containers: Iterable[Container]) -> tuple[str, str]:
    """Return the cells of the columns CONTAINERS and IMAGES."""
    listed = list(containers)
    return ",".join(container.name for container in listed), ",".join(container.image for container in listed)


def labels_cell(labels: Mapping[str, str]) -> str:
    """Return labels as a=b,c=d in key order."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or NONE


def selector_cell(selector: SelectorMessage) -> str:
    """Return a selector in the form of a query parameter."""
    try:
        return str(LabelSelector.from_message(selector)) or NONE
    except FleetError:
        return "<error>"


def first_few(texts: Iterable[str], most: int = 3) -> str:
    """Return the first texts, and how many more there are; empty where there is none."""
    listed = list(texts)
    shown = ",".join(listed[:most])
    return f"{shown} + {len(listed) - most} more..." if len(listed) > most else shown
