"""Print nodes, namespaces, configuration, accounts and events. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import Any, Final

from statefleet.api.core.v1.config_pb2 import ConfigMap, Secret
from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.core.v1.namespace_pb2 import Namespace
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.service_account_pb2 import ServiceAccount
from statefleet.gateway.tables.columns import AGE, NAME, NONE, UNKNOWN, WIDE, Cell, Column, Printer
from statefleet.gateway.tables.durations import age
from statefleet.objects.times import is_set

_ROLE_PREFIX: Final = "node-role.kubernetes.io/"
_ROLE_LABEL: Final = "kubernetes.io/role"


def _roles(node: Node) -> str:
    """Return the roles that labels give: node-role.kubernetes.io/ROLE or kubernetes.io/role=ROLE."""
    labels = node.metadata.labels
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    return ",".join(sorted((roles | {labels.get(_ROLE_LABEL, "")}) - {""})) or NONE


def _readiness(node: Node) -> str:
    ready = {condition.type: condition.status for condition in node.status.conditions}.get("Ready")
    if ready is None:
        return "Unknown"
    return "Ready" if ready == "True" else "NotReady"


def _address(node: Node, kind: str) -> str:
    return next((address.address for address in node.status.addresses if address.type == kind), NONE)


def _node(found: Node, now: float) -> list[Cell]:
    info = found.status.node_info
    return [
        found.metadata.name,
        _readiness(found) + (",SchedulingDisabled" if found.spec.unschedulable else ""),
        _roles(found),
        age(found.metadata.creation_timestamp, now),
        info.kubelet_version,
        _address(found, "InternalIP"),
        _address(found, "ExternalIP"),
        info.os_image or UNKNOWN,
        info.kernel_version or UNKNOWN,
        info.container_runtime_version or UNKNOWN,
    ]


def _namespace(found: Namespace, now: float) -> list[Cell]:
    return [found.metadata.name, found.status.phase, age(found.metadata.creation_timestamp, now)]


def _config_map(found: ConfigMap, now: float) -> list[Cell]:
    return [
        found.metadata.name,
        len(found.data) + len(found.binary_data),
        age(found.metadata.creation_timestamp, now),
    ]


def _secret(found: Secret, now: float) -> list[Cell]:
    return [found.metadata.name, found.type, len(found.data), age(found.metadata.creation_timestamp, now)]


def _service_account(found: ServiceAccount, now: float) -> list[Cell]:
    return [found.metadata.name, len(found.secrets), age(found.metadata.creation_timestamp, now)]


def _source(event: Event) -> str:
    component = event.source.component or event.reporting_component
    host = event.source.host or event.reporting_instance
    return f"{component}, {host}" if host else component


def _event(found: Event, now: float) -> list[Cell]:
    first = age(found.first_timestamp if is_set(found.first_timestamp) else found.event_time, now)
    last = age(found.last_timestamp, now) if is_set(found.last_timestamp) else first
    count = found.count or 1
    if found.HasField("series"):
        last, count = age(found.series.last_observed_time, now), found.series.count
    involved = found.involved_object
    return [
        last,
        found.type,
        found.reason,
        involved.kind.lower() + (f"/{involved.name}" if involved.name else ""),
        involved.field_path,
        _source(found),
        found.message.strip(),
        first,
        count,
        found.metadata.name,
    ]


def any_kind(found: Any, now: float) -> list[Cell]:
    """Return the cells of FALLBACK."""
    return [found.metadata.name, age(found.metadata.creation_timestamp, now)]


NODES: Final = Printer(
    columns=(
        NAME,
        Column("Status", "Whether the node is ready, and whether new pods may be put on it."),
        Column("Roles", "Roles that labels give the node."),
        AGE,
        Column("Version", "Version of the agent on the node."),
        Column("Internal-IP", "Address inside the fleet.", priority=WIDE),
        Column("External-IP", "Address for the outside.", priority=WIDE),
        Column("OS-Image", "Operating system of the node.", priority=WIDE),
        Column("Kernel-Version", "Version of its kernel.", priority=WIDE),
        Column("Container-Runtime", "What runs the containers, with its version.", priority=WIDE),
    ),
    cells=_node,
)
NAMESPACES: Final = Printer(
    columns=(NAME, Column("Status", "Whether the namespace is in use or about to go."), AGE),
    cells=_namespace,
)
CONFIG_MAPS: Final = Printer(columns=(NAME, Column("Data", "Number of entries."), AGE), cells=_config_map)
SECRETS: Final = Printer(
    columns=(NAME, Column("Type", "What the secret is for."), Column("Data", "Number of entries."), AGE),
    cells=_secret,
)
SERVICE_ACCOUNTS: Final = Printer(
    columns=(NAME, Column("Secrets", "Number of secrets that pods of the account may use."), AGE),
    cells=_service_account,
)
EVENTS: Final = Printer(
    columns=(
        Column("Last Seen", "Time since it last happened."),
        Column("Type", "Normal or Warning."),
        Column("Reason", "What happened, in one word."),
        Column("Object", "What it happened to."),
        Column("Subobject", "The part of the object, such as a container.", priority=WIDE),
        Column("Source", "Who reports it.", priority=WIDE),
        Column("Message", "What happened, for people."),
        Column("First Seen", "Time since it first happened.", priority=WIDE),
        Column("Count", "How often it happened.", priority=WIDE),
        Column("Name", "Name of the event.", format="name", priority=WIDE),
    ),
    cells=_event,
)
FALLBACK: Final = Printer(columns=(NAME, AGE), cells=any_kind)
"""For a kind that nobody gave columns."""
