"""Print sets, their revisions and their disruption budgets. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import Final

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.gateway.tables.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    WIDE,
    Cell,
    Column,
    Printer,
    container_cells,
    labels_cell,
    selector_cell,
)
from statefleet.gateway.tables.durations import age
from statefleet.objects.meta import controller_of


def _stateful_set(found: StatefulSet, now: float) -> list[Cell]:
    return [
        found.metadata.name,
        f"{found.status.ready_replicas}/{found.spec.replicas}",
        age(found.metadata.creation_timestamp, now),
        *container_cells(found.spec.template.spec.containers),
    ]


def _daemon_set(found: DaemonSet, now: float) -> list[Cell]:
    status = found.status
    return [
        found.metadata.name,
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
        labels_cell(found.spec.template.spec.node_selector),
        age(found.metadata.creation_timestamp, now),
        *container_cells(found.spec.template.spec.containers),
        selector_cell(found.spec.selector) if found.spec.HasField("selector") else NONE,
    ]


def _controller_revision(found: ControllerRevision, now: float) -> list[Cell]:
    owner = controller_of(found.metadata)
    controller = NONE
    if owner is not None:
        group, slash, _ = owner.api_version.rpartition("/")
        controller = f"{owner.kind}{'.' if slash else ''}{group}".lower() + f"/{owner.name}"
    return [found.metadata.name, controller, found.revision, age(found.metadata.creation_timestamp, now)]


def _number_or_text(value: IntOrString) -> str:
    return value.str_val if value.type else str(value.int_val)


def _budget(found: PodDisruptionBudget, now: float) -> list[Cell]:
    spec = found.spec
    return [
        found.metadata.name,
        _number_or_text(spec.min_available) if spec.HasField("min_available") else "N/A",
        _number_or_text(spec.max_unavailable) if spec.HasField("max_unavailable") else "N/A",
        found.status.disruptions_allowed,
        age(found.metadata.creation_timestamp, now),
    ]


STATEFUL_SETS: Final = Printer(
    columns=(NAME, Column("Ready", "Ready pods of the replicas asked for."), AGE, CONTAINERS, IMAGES),
    cells=_stateful_set,
)
DAEMON_SETS: Final = Printer(
    columns=(
        NAME,
        Column("Desired", "Nodes that are to run the pod.", type="integer"),
        Column("Current", "Nodes that are to run the pod and do.", type="integer"),
        Column("Ready", "Nodes on which the pod is Ready.", type="integer"),
        Column("Up-to-date", "Nodes that run the pod of the present template.", type="integer"),
        Column("Available", "Nodes on which the pod has been Ready for long enough.", type="integer"),
        Column("Node Selector", "Labels that a node must have to run the pod."),
        AGE,
        CONTAINERS,
        IMAGES,
        Column("Selector", "Labels by which the set recognises its pods.", priority=WIDE),
    ),
    cells=_daemon_set,
)
CONTROLLER_REVISIONS: Final = Printer(
    columns=(
        NAME,
        Column("Controller", "The set that the revision belongs to."),
        Column("Revision", "Number of the revision in the history of its set."),
        AGE,
    ),
    cells=_controller_revision,
)
BUDGETS: Final = Printer(
    columns=(
        NAME,
        Column("Min Available", "Pods that must stay healthy."),
        Column("Max Unavailable", "Pods that may be unhealthy."),
        Column("Allowed Disruptions", "Pods that may be evicted now.", type="integer"),
        AGE,
    ),
    cells=_budget,
)
