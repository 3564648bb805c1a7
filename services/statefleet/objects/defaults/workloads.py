"""Defaults of StatefulSet and DaemonSet (apps/v1). Pure."""

from __future__ import annotations

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet, StatefulSetSpec
from statefleet.objects.defaults.pods import default_pod_spec
from statefleet.objects.defaults.storage import default_claim

_ROLLING_UPDATE = "RollingUpdate"
_HISTORY = 10


def default_stateful_set(stateful_set: StatefulSet) -> None:
    """Fill in a StatefulSet."""
    spec = stateful_set.spec
    if not spec.pod_management_policy:
        spec.pod_management_policy = "OrderedReady"
    if not spec.HasField("replicas"):
        spec.replicas = 1
    if not spec.HasField("revision_history_limit"):
        spec.revision_history_limit = _HISTORY
    _default_stateful_set_strategy(spec)
    retention = spec.persistent_volume_claim_retention_policy
    if not retention.when_deleted:
        retention.when_deleted = "Retain"
    if not retention.when_scaled:
        retention.when_scaled = "Retain"
    default_pod_spec(spec.template.spec)
    for claim in spec.volume_claim_templates:
        default_claim(claim)


def _default_stateful_set_strategy(spec: StatefulSetSpec) -> None:
    # A strategy that names its type but no rolling update keeps none: without a partition pods go by revision counts.
    strategy = spec.update_strategy
    if not strategy.type:
        strategy.type = _ROLLING_UPDATE
        strategy.rolling_update.SetInParent()
    if strategy.type == _ROLLING_UPDATE and strategy.HasField("rolling_update"):
        rolling = strategy.rolling_update
        if not rolling.HasField("partition"):
            rolling.partition = 0


def default_daemon_set(daemon_set: DaemonSet) -> None:
    """Fill in a DaemonSet."""
    spec = daemon_set.spec
    strategy = spec.update_strategy
    if not strategy.type:
        strategy.type = _ROLLING_UPDATE
    if strategy.type == _ROLLING_UPDATE:
        rolling = strategy.rolling_update
        if not rolling.HasField("max_unavailable"):
            rolling.max_unavailable.int_val = 1
        if not rolling.HasField("max_surge"):
            rolling.max_surge.SetInParent()
    if not spec.HasField("revision_history_limit"):
        spec.revision_history_limit = _HISTORY
    default_pod_spec(spec.template.spec)
