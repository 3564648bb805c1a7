"""What Kubernetes' OpenAPI says of the types and the descriptors do not. Facts only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

REQUIRED_MESSAGES: Final = frozenset(
    {
        "Binding.target",
        "ClusterTrustBundleProjection.path",
        "Condition.lastTransitionTime",
        "DaemonSetSpec.selector",
        "DaemonSetSpec.template",
        "Event.involvedObject",
        "Event.metadata",
        "HTTPGetAction.port",
        "PersistentVolumeClaimTemplate.spec",
        "PreferredSchedulingTerm.preference",
        "ScaleIOPersistentVolumeSource.secretRef",
        "ScaleIOVolumeSource.secretRef",
        "SelfSubjectAccessReview.spec",
        "SelfSubjectRulesReview.spec",
        "StatefulSetSpec.selector",
        "StatefulSetSpec.template",
        "TCPSocketAction.port",
        "TokenRequest.spec",
        "TokenRequestStatus.expirationTimestamp",
        "WeightedPodAffinityTerm.podAffinityTerm",
    }
)
"""Fields of message type that must be given. Of the others, those are required that JSON always has."""

NOT_REQUIRED: Final = frozenset(
    {
        "ContainerImage.names",
        "EndpointSlice.ports",
        "Event.reportingComponent",
        "Event.reportingInstance",
        "EvictionResponder.priority",
        "GRPCAction.service",
        "StatefulSetOrdinals.start",
        "StatefulSetSpec.serviceName",
        "StatefulSetStatus.availableReplicas",
        "TypedLocalObjectReference.apiGroup",
        "TypedObjectReference.apiGroup",
    }
)
"""Fields that JSON always has and that need not be given."""


@dataclass(frozen=True, slots=True)
class OldSpec:
    """In what the spec of a kind in an old version differs from the current one."""

    optional: frozenset[str] = frozenset()
    """Fields that need not be given, because the old version has a default for them."""
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields that the current version does not have."""


_SELECTOR_BY_TEMPLATE: Final = frozenset({"selector"})

OLD_SPECS: Final = {
    ("StatefulSet", "apps/v1beta1"): OldSpec(_SELECTOR_BY_TEMPLATE),
    ("DaemonSet", "extensions/v1beta1"): OldSpec(
        _SELECTOR_BY_TEMPLATE,
        {
            "templateGeneration": {
                "description": "Number of the template, counted by the server. Deprecated.",
                "type": "integer",
                "format": "int64",
            }
        },
    ),
}
"""Old versions, by kind and apiVersion, whose spec has a schema of its own: clients that check manifests against the
schema would refuse what the version takes."""
