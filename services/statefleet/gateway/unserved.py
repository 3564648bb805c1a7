"""What Kubernetes serves and this gateway does not, with the reason for each. Facts only.

Whoever asks for one of the subresources is told the reason; the README lists all of it.
"""

from __future__ import annotations

from typing import Final

_NO_CONTAINER: Final = "pods are simulated: there is no container to"

SUBRESOURCES: Final = {
    ("pods", "log"): "pods are simulated and write nothing",
    ("pods", "exec"): f"{_NO_CONTAINER} run a command in",
    ("pods", "attach"): f"{_NO_CONTAINER} attach to",
    ("pods", "ephemeralcontainers"): f"{_NO_CONTAINER} debug",
    ("pods", "portforward"): "pods are simulated: nothing listens on their ports",
    ("pods", "resize"): "a pod keeps the resources that it was made with: change them in its set's template",
    ("pods", "proxy"): "the gateway does not reach into the pods' network",
    ("services", "proxy"): "the gateway does not reach into the pods' network",
    ("nodes", "proxy"): "agents serve no HTTP",
    ("serviceaccounts", "token"): "accounts have no tokens: `statefleet kubeconfig` makes client certificates",
}
"""Subresources of kinds that are served, by plural and name."""

APIS: Final = {
    "other kinds, such as Deployment, Job or Ingress": (
        "Statefleet runs StatefulSets and DaemonSets: what they need is served, and no more"
    ),
    "CustomResourceDefinition, APIService, webhooks": "kinds are those of the schema; nothing extends the API",
    "rbac.authorization.k8s.io, SubjectAccessReview, TokenReview": (
        "roles are a few fixed groups (see Users), and `auth can-i` tells what one may"
    ),
    "coordination.k8s.io Lease": (
        "agents' heartbeats are kept in memory; `describe node` says that it found no lease, and shows Ready"
    ),
    "events.k8s.io": "events are served in their core form, which kubectl reads",
    "`cluster-info dump`, `apply --prune` without a list of kinds": (
        "kubectl asks for kinds that are not served; `--prune-allowlist` or an ApplySet prunes"
    ),
    "`/api/v1/watch/…`": "given up by Kubernetes since 1.11 for `?watch=true`, which is served",
    "answers in protobuf": "bodies may come in protobuf; answers are JSON or YAML, which every client takes too",
}
"""What is missing altogether."""


def complaint(plural: str, subresource: str) -> str | None:
    """Return what to tell who asks for a subresource that is not served; None for one that nobody knows."""
    reason = SUBRESOURCES.get((plural, subresource))
    return None if reason is None else f"{plural}/{subresource} is not served: {reason}"
