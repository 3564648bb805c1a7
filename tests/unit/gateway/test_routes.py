"""What paths name."""

import pytest

from statefleet.gateway.routes import resolve


@pytest.mark.parametrize(
    ("path", "kind", "api_version", "namespace", "name", "subresource"),
    [
        ("/api/v1/pods", "Pod", "v1", "", "", ""),
        ("/api/v1/namespaces/n/pods", "Pod", "v1", "n", "", ""),
        ("/api/v1/namespaces/n/pods/p", "Pod", "v1", "n", "p", ""),
        ("/api/v1/namespaces/n/pods/p/eviction", "Pod", "v1", "n", "p", "eviction"),
        ("/api/v1/namespaces", "Namespace", "v1", "", "", ""),
        ("/api/v1/namespaces/n", "Namespace", "v1", "", "n", ""),
        ("/api/v1/namespaces/n/finalize", "Namespace", "v1", "", "n", "finalize"),
        ("/api/v1/namespaces/n/status", "Namespace", "v1", "", "n", "status"),
        ("/api/v1/nodes/a", "Node", "v1", "", "a", ""),
        ("/apis/apps/v1/namespaces/n/statefulsets/s/scale", "StatefulSet", "apps/v1", "n", "s", "scale"),
        ("/apis/apps/v1beta2/daemonsets", "DaemonSet", "apps/v1beta2", "", "", ""),
        ("/apis/apps/v1beta1/namespaces/n/statefulsets/s", "StatefulSet", "apps/v1beta1", "n", "s", ""),
    ],
)  # fmt: skip
def test_a_path_names_a_resource(
    path: str, kind: str, api_version: str, namespace: str, name: str, subresource: str
) -> None:
    target = resolve(path)
    assert target is not None
    assert (target.kind.name, target.served.api_version) == (kind, api_version)
    assert (target.namespace, target.name, target.subresource) == (namespace, name, subresource)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/apis/apps/v1",
        "/api/v2/pods",
        "/api/v1/gadgets",
        "/apis/apps/v1/pods",
        "/api/v1/pods/p",
        "/api/v1/namespaces/n/nodes",
        "/api/v1/namespaces/n/pods/p/scale",
        "/api/v1/namespaces/n/pods/p/status/x",
        "/api/v1/namespaces//pods",
    ],
)
def test_other_paths_name_none(path: str) -> None:
    assert resolve(path) is None


@pytest.mark.parametrize(
    ("path", "scope"),
    [("/api/v1/pods", "cluster"), ("/api/v1/namespaces/n/pods", "namespace"), ("/api/v1/nodes/a", "resource")],
)
def test_metrics_count_by_scope(path: str, scope: str) -> None:
    target = resolve(path)
    assert target is not None
    assert target.scope == scope
