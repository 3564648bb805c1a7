"""Name the services, and say where a process finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from statefleet.app.addresses import Address
from statefleet.objects.kinds import NODES, REVISIONS, WORKLOADS

WORKLOAD_STORE = "workload-store"
REVISION_HISTORY = "revision-history"
NODE_REGISTRY = "node-registry"

SERVICES: Mapping[str, int] = {WORKLOAD_STORE: WORKLOADS, REVISION_HISTORY: REVISIONS, NODE_REGISTRY: NODES}
"""The services by the name under which `statefleet serve` knows them."""

_UNRECORDED = frozenset({"agent", "worker"})
"""Parts that write on their own account, and much: their fields have no recorded owner."""


def manager_of(part: str) -> str:
    """Return the field manager as which a part of the suite writes where it writes for nobody else; empty: none."""
    return "" if part in _UNRECORDED else part


@dataclass(frozen=True, slots=True)
class Peers:
    """Where the replicas of each service are, by its name, and the certificates with which they are called."""

    services: Mapping[str, Sequence[Address]]
    certificates: Path
