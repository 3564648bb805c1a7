"""Small objects as a user would declare them."""

from __future__ import annotations

from typing import Any

IMAGE = "registry.example/app"
SLOW_START = "simulation.statefleet.io/start-delay"
USAGE = "simulation.statefleet.io/usage"


def stateful_set(name: str = "web", *, replicas: Any = 3, tag: str = "1", **spec: Any) -> dict[str, Any]:
    """Return a set of one container, called app; `spec` is the set's, beside that."""
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 5, "containers": [{"name": "app", "image": f"{IMAGE}:{tag}"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **spec,
        },
    }


def daemon_set(
    name: str = "agent", *, tag: str = "1", pod: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a set of one container, called app; `pod` is its pods' specification and `spec` its own, beside that."""
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": f"{IMAGE}:{tag}"}], **(pod or {})},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def claim_template(name: str = "data", size: str = "1Gi") -> dict[str, Any]:
    """Return a template of a claim."""
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


def service(name: str = "web") -> dict[str, Any]:
    """Return the headless service of a set."""
    spec = {"clusterIP": "None", "selector": {"app": name}, "ports": [{"name": "http", "port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def disruption_budget(name: str = "web", **spec: Any) -> dict[str, Any]:
    """Return a budget for the pods of a set."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, **spec},
    }


def one_a_node(name: str = "web") -> dict[str, Any]:
    """Return the affinity that keeps the pods of a set on nodes of their own."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": name}}}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
