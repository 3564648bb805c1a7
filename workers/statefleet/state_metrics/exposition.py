"""Write the metrics of all objects that a cache holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from statefleet.objects.kinds import (
    CONTROLLER_REVISION,
    DAEMON_SET,
    NAMESPACE,
    NODE,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    STATEFUL_SET,
    Kind,
)
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.keys import Key, key_of
from statefleet.state_metrics.budgets import BUDGETS
from statefleet.state_metrics.families import AnyTable
from statefleet.state_metrics.nodes import NODES
from statefleet.state_metrics.pods import PODS
from statefleet.state_metrics.rollouts import ROLLOUTS, Rollout, of_daemon_set, of_stateful_set
from statefleet.state_metrics.sets import DAEMON_SETS, STATEFUL_SETS
from statefleet.state_metrics.storage import CLAIMS, NAMESPACES, VOLUMES

TABLES: dict[Kind[Any], AnyTable] = {
    NAMESPACE: NAMESPACES,
    NODE: NODES,
    STATEFUL_SET: STATEFUL_SETS,
    DAEMON_SET: DAEMON_SETS,
    POD_DISRUPTION_BUDGET: BUDGETS,
    POD: PODS,
    PERSISTENT_VOLUME_CLAIM: CLAIMS,
    PERSISTENT_VOLUME: VOLUMES,
}
"""What is told of each kind. The cache must hold these, and ControllerRevisions."""


SHARD = "state-metrics/0"
"""The shard whose worker tells of the objects, so that each series is told once though every worker is scraped."""


class StateExposition:
    """The text that a scrape gets. An object is rendered once, and again when it has changed: most have not.

    `owns` says whether a shard is this worker's.
    """

    def __init__(self, cache: Cache, owns: Callable[[str], bool]) -> None:
        self._cache = cache
        self._owns = owns
        self._rendered: dict[Kind[Any], dict[Key, tuple[Any, list[str]]]] = {kind: {} for kind in TABLES}

    def text(self) -> bytes:
        """Return the families of everything that the cache holds now, in Prometheus' text format.

        Empty where telling of it is another worker's.
        """
        if not self._owns(SHARD):
            return b""
        parts: list[str] = []
        for kind, table in TABLES.items():
            parts += table.expose(self._of_kind(kind, table))
        parts += ROLLOUTS.expose([ROLLOUTS.render(rollout) for rollout in self._rollouts()])
        return "".join(parts).encode()

    def _of_kind(self, kind: Kind[Any], table: AnyTable) -> list[list[str]]:
        """Return what each object of a kind was rendered as, by namespace and name."""
        before, now = self._rendered[kind], {}
        for message in sorted(self._cache.list(kind), key=key_of):
            key = key_of(message)
            held = before.get(key)
            # The cache never changes a message: another state of the object is another message.
            now[key] = held if held is not None and held[0] is message else (message, table.render(message))
        self._rendered[kind] = now
        return [lines for _, lines in now.values()]

    def _rollouts(self) -> Iterator[Rollout]:
        for stateful_set in sorted(self._cache.list(STATEFUL_SET), key=key_of):
            revisions = self._cache.by_owner(CONTROLLER_REVISION, stateful_set.metadata.uid)
            yield of_stateful_set(stateful_set, revisions)
        for daemon_set in sorted(self._cache.list(DAEMON_SET), key=key_of):
            yield of_daemon_set(daemon_set, self._cache.by_owner(CONTROLLER_REVISION, daemon_set.metadata.uid))
