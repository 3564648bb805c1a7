"""Which rules each kind of the workload store follows."""

from __future__ import annotations

from typing import Any

from statefleet.objects.kinds import (
    DAEMON_SET,
    KINDS,
    NAMESPACE,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    STATEFUL_SET,
    WORKLOADS,
)
from statefleet.store.strategy import Strategy
from statefleet.workloads.addresses import ServiceStrategy
from statefleet.workloads.events import EventSettings, EventStrategy
from statefleet.workloads.namespaces import NamespaceStrategy
from statefleet.workloads.pods import PodStrategy
from statefleet.workloads.sets import DaemonSetStrategy, DeclaredStrategy
from statefleet.workloads.volumes import ClaimStrategy, VolumeStrategy


def workload_strategies(events: EventSettings) -> dict[str, Strategy[Any]]:
    """Return the rules of each kind that the workload store stores, by the kind's name."""
    own: list[Strategy[Any]] = [
        PodStrategy(POD),
        DeclaredStrategy(STATEFUL_SET),
        DaemonSetStrategy(DAEMON_SET),
        DeclaredStrategy(POD_DISRUPTION_BUDGET),
        ServiceStrategy(SERVICE),
        ClaimStrategy(PERSISTENT_VOLUME_CLAIM),
        VolumeStrategy(PERSISTENT_VOLUME),
        NamespaceStrategy(NAMESPACE),
        EventStrategy(events),
    ]
    strategies: dict[str, Strategy[Any]] = {
        kind.name: Strategy(kind) for kind in KINDS.values() if kind.service == WORKLOADS
    }
    return strategies | {strategy.kind.name: strategy for strategy in own}
