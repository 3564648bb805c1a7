"""What a service is given from outside to open its replicas with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from statefleet.coordination.door import Coordination
from statefleet.runtime.clock import Clock
from statefleet.runtime.rand import Rand
from statefleet.store.led_with import LedWith
from statefleet.store.log import Log
from statefleet.store.metrics import StoreMetrics
from statefleet.store.replica import Replica, ReplicaSettings
from statefleet.store.watch import Places


class StoreLogs(NamedTuple):
    """The logs of one replicated store."""

    records: Log
    snapshots: Log


@dataclass(frozen=True, slots=True)
class StoreDoors:
    """What the replicas of one process share."""

    coordination: Coordination
    clock: Clock
    rand: Rand
    member: str = ""
    """The name under which this process campaigns; by default the store's."""
    settings: ReplicaSettings = field(default_factory=ReplicaSettings)
    metrics: Mapping[str, StoreMetrics] = field(default_factory=dict)
    """By the store's name; a store without any tells nobody."""

    def open(
        self,
        name: str,
        logs: StoreLogs,
        places: Mapping[str, Places] | None = None,
        *,
        led_with: Replica | None = None,
    ) -> Replica:
        """Return a replica of the store of this name, not yet entered. It leads where `led_with` does, if given."""
        return Replica(
            name,
            logs.records,
            logs.snapshots,
            self.coordination if led_with is None else LedWith(led_with, self.coordination),
            self.clock,
            self.rand,
            member=self.member,
            settings=self.settings,
            metrics=self.metrics.get(name),
            places=places,
        )
