"""Scraping a suite that runs: every process, under the names that dashboards for Kubernetes read."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from support.manifests import stateful_set
from support.parts import PARTS, running_parts
from support.processes import until
from support.prometheus_text import families, problems
from support.suite import QUICK, ROOMY, running_suite

LISTEN = "127.0.0.1:0"
OF_EVERY_PROCESS = "process_resident_memory_bytes"
OF_PART = {
    "workload-store": ("statefleet_applied_version", "statefleet_log_append_seconds", "grpc_server_handled"),
    "revision-history": ("statefleet_leader", "statefleet_epoch", "statefleet_elections_won"),
    "node-registry": ("statefleet_watchers", "statefleet_applied_records", "grpc_server_handling_seconds"),
    "gateway": ("apiserver_request", "apiserver_request_sli_duration_seconds"),
    "workers": ("workqueue_depth", "workqueue_work_duration_seconds", "kube_node_info", "kube_namespace_created"),
    "agent": ("statefleet_agent_nodes", "statefleet_agent_pods", "statefleet_agent_heard"),
}
"""Families that each part's process must have, by the names that they have without a counter's _total."""


def scrape(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        text: str = answer.read().decode()
    return text


def value(text: str, name: str, /, **labels: str) -> float:
    """Return the sum of the samples of this name that have these labels."""
    samples = [sample for family in families(text).values() for sample in family.samples]
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


@pytest.mark.surface(
    "metrics.statefulset-series",
    "metrics.revisions",
    "metrics.pod-series",
    "metrics.node-series",
    "metrics.workqueue",
    "metrics.apiserver",
)
def test_one_process_tells_of_a_rollout(tmp_path: Path) -> None:
    with running_suite(tmp_path, f"--metrics-listen={LISTEN}", *QUICK, *ROOMY) as suite:
        url = suite.process.until(r"metrics +(http://\S+)")[1]
        kubectl = suite.kubectl()
        partitioned = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
        kubectl.apply(stateful_set(updateStrategy=partitioned))
        kubectl("rollout status sts/web --timeout=20s")
        kubectl("set image sts/web app=registry.example/app:2")
        kubectl("rollout status sts/web --timeout=20s")
        until(lambda: value(scrape(url), "statefleet_rollout_pods_updated", workload="web") == 2, "2 pods updated")
        until(lambda: value(scrape(url), "kube_statefulset_status_replicas_ready", statefulset="web") == 3, "3 ready")
        text = scrape(url)
        assert problems(text) == []
        web = {"namespace": "default", "statefulset": "web"}
        assert value(text, "statefleet_statefulset_partition", **web) == 1
        assert value(text, "kube_statefulset_replicas", **web) == 3
        assert value(text, "kube_statefulset_status_replicas_updated", **web) == 2
        assert value(text, "statefleet_rollout_progress_ratio", workload="web") == 1
        assert value(text, "statefleet_controllerrevisions", workload="web") == 2
        assert value(text, "kube_pod_status_phase", phase="Running") == 3
        assert value(text, "kube_pod_status_ready", condition="true") == 3
        assert value(text, "kube_node_status_condition", condition="Ready", status="true") == 3
        assert value(text, "statefleet_agent_pods") == 3
        assert value(text, "statefleet_leader") == 4
        assert value(text, "workqueue_adds_total", name="statefulset") > 0
        assert value(text, "apiserver_request_total", resource="statefulsets", verb="PATCH", code="200") >= 1
        assert "kube_pod_info" in kubectl("get --raw /metrics")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{suite.url}/metrics", context=ssl._create_unverified_context())


def test_every_process_tells_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("WORK", "AGENT", *(f"SERVE_{part.upper().replace('-', '_')}" for part in PARTS[:4])):
        monkeypatch.setenv(f"STATEFLEET_{command}_METRICS_LISTEN", LISTEN)
    with running_parts(tmp_path) as parts:
        parts.kubectl()("get nodes")
        for part in PARTS:
            check(parts.metrics_of(part), {OF_EVERY_PROCESS, *OF_PART[part]})


def check(url: str, wanted: set[str]) -> None:
    until(lambda: wanted <= families(scrape(url)).keys(), f"{wanted} at {url}")
    assert problems(scrape(url)) == []
