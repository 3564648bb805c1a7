"""What Kubernetes' OpenAPI says of the types and the descriptors do not. Facts only."""

from __future__ import annotations

from typing import Final

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

LIST_KEYS: Final = {
    "Container.ports": ["containerPort", "protocol"],
    "EphemeralContainer.ports": ["containerPort", "protocol"],
    "EphemeralContainerCommon.ports": ["containerPort", "protocol"],
    "PodSpec.topologySpreadConstraints": ["topologyKey", "whenUnsatisfiable"],
    "ServiceSpec.ports": ["port", "protocol"],
}
"""Keys by which server-side apply matches list items, where they are not the one merge key of patches."""
