"""Alerts written for Kubernetes see what is wrong with a fleet, that alone, and no longer than it lasts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.alerting import PROMETHEUS, Alerting, Alerts, alerting, rule_of
from support.kubectl import Kubectl
from support.manifests import IMAGE, daemon_set, disruption_budget, stateful_set
from support.parts import running_parts
from support.processes import until
from support.suite import QUICK, ROOMY, running_suite

NOT_ROLLED_OUT = "KubeStatefulSetUpdateNotRolledOut"
UNLESS_HELD = "unless on (namespace, statefulset) statefleet_statefulset_partition > 0"
HELD_ASIDE = "UpdateNotRolledOutUnlessHeld"
FINALIZER = "tests.example/held"
TAINT = "node-3 dedicated=db:NoSchedule"
TOLERANT = {"tolerations": [{"operator": "Exists"}]}
"""Of a pod that the taint does not concern."""

EXPECTED: Alerts = {
    "bad-image": {
        "KubePodNotReady",
        "KubeContainerWaiting",
        "KubeStatefulSetReplicasMismatch",
        "KubePdbNotEnoughHealthyPods",
        "StatefleetNewRevisionCrashes",
    },
    "crashing": {"KubePodCrashLooping", "KubeStatefulSetReplicasMismatch", "StatefleetNewRevisionCrashes"},
    "partitioned": {NOT_ROLLED_OUT, "StatefleetRolloutHeldByPartition"},
    "stuck-set": {
        NOT_ROLLED_OUT,
        HELD_ASIDE,
        "KubePodNotReady",
        "KubeContainerWaiting",
        "KubeStatefulSetReplicasMismatch",
        "StatefleetRolloutStuck",
        "StatefleetNewRevisionCrashes",
    },
    "stuck-daemons": {
        "KubeDaemonSetRolloutStuck",
        "KubePodNotReady",
        "KubeContainerWaiting",
        "StatefleetNewRevisionCrashes",
    },
    "absent": {"KubeDaemonSetNotScheduled", "KubeDaemonSetRolloutStuck", "StatefleetRolloutStuck"},
    "misplaced": {"KubeDaemonSetMisScheduled", "KubeDaemonSetRolloutStuck"},
}
"""What is to fire for the namespace of each trouble."""


def on(node: str) -> dict[str, Any]:
    """Return the specification of pods that can be on one node alone."""
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


class Trouble:
    """Each kind of trouble, brought about and healed in its own namespace of one fleet."""

    def __init__(self, kubectl: Callable[[str], Kubectl]) -> None:
        self._in = {name: kubectl(name) for name in ("well", *EXPECTED)}
        for name, each in self._in.items():
            each(f"create namespace {name}")

    def prepare(self) -> None:
        """Have all that is to be well at first come up."""
        self._in["well"].apply(stateful_set(), disruption_budget(minAvailable=3), daemon_set(pod=TOLERANT))
        self._in["partitioned"].apply(stateful_set())
        self._in["stuck-set"].apply(stateful_set(replicas=2))
        self._in["stuck-daemons"].apply(daemon_set(pod=on("node-1")))
        self._in["absent"].apply(daemon_set(pod=on("node-2")))
        self._in["misplaced"].apply(daemon_set(pod=on("node-3")))
        for name in ("well", "partitioned", "stuck-set"):
            self._in[name]("rollout status sts/web --timeout=25s")
        for name in ("well", "stuck-daemons", "absent", "misplaced"):
            self._in[name]("rollout status ds/agent --timeout=25s")
        self._in["well"]("wait pdb/web --for=jsonpath={.status.currentHealthy}=3 --timeout=20s")

    def begin(self) -> None:
        self._in["bad-image"].apply(stateful_set(replicas=1, tag="bad"), disruption_budget(minAvailable=1))
        self._in["crashing"].apply(stateful_set(replicas=1))
        self._crash("0")
        self._in["partitioned"].patch("sts web", _partition(2))
        for name, image in (("partitioned", "2"), ("stuck-set", "bad")):
            self._in[name](f"set image sts/web app={IMAGE}:{image}")
        self._in["stuck-daemons"](f"set image ds/agent app={IMAGE}:bad")
        (pod,) = self._in["absent"].pods()
        self._in["absent"].patch(f"pod {pod}", {"metadata": {"finalizers": [FINALIZER]}})
        self._in["absent"](f"delete pod {pod} --wait=false")
        self._in["misplaced"](f"taint node {TAINT}")

    def end(self) -> None:
        self._in["bad-image"](f"set image sts/web app={IMAGE}:1")
        self._crash(None)
        self._in["partitioned"].patch("sts web", _partition(0))
        self._in["stuck-set"]("rollout undo sts/web")
        self._in["stuck-daemons"]("rollout undo ds/agent")
        (pod,) = self._in["absent"].pods()
        self._in["absent"].patch(f"pod {pod}", [{"op": "remove", "path": "/metadata/finalizers"}])
        self._in["misplaced"](f"taint node {TAINT}-")

    def _crash(self, after: str | None) -> None:
        annotations = {"simulation.statefleet.io/crash-after": after}
        self._in["crashing"].patch("sts web", {"spec": {"template": {"metadata": {"annotations": annotations}}}})


def _partition(ordinal: int) -> dict[str, Any]:
    return {"spec": {"updateStrategy": {"rollingUpdate": {"partition": ordinal}}}}


def until_firing(alerts: Alerting, wanted: Alerts) -> None:
    """Wait until these alerts fire and no others of any namespace."""
    firing: Alerts = {}

    def is_wanted() -> bool:
        nonlocal firing
        firing = alerts.firing()
        return firing == wanted

    with suppress(AssertionError):
        until(is_wanted, "what is wanted fires")
    assert firing == wanted


@pytest.mark.surface("metrics.alerts", "metrics.partition")
def test_each_trouble_is_told_of_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    not_held = {**rule_of(NOT_ROLLED_OUT), "alert": HELD_ASIDE}
    not_held["expr"] += UNLESS_HELD
    with running_suite(tmp_path / "suite", "--metrics-listen=127.0.0.1:0", *QUICK, *ROOMY) as suite:
        trouble = Trouble(suite.kubectl)
        trouble.prepare()
        url = suite.process.until(r"metrics +(http://\S+)")[1]
        with alerting(tmp_path / "alerting", url, not_held) as alerts:
            trouble.begin()
            until_firing(alerts, EXPECTED)
            assert alerts.sets_of("StatefleetRolloutHeldByPartition") == {("partitioned", "web")}
            assert alerts.sets_of(HELD_ASIDE) == {("stuck-set", "web")}
            assert alerts.sets_of(NOT_ROLLED_OUT) == {("partitioned", "web"), ("stuck-set", "web")}
            trouble.end()
            until_firing(alerts, {})
            assert alerts.ever("well") == set()


@pytest.mark.surface("metrics.alerts")
def test_a_change_that_no_worker_takes_up_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where revisions cannot be recorded, the workers cannot begin with a new one."""
    monkeypatch.setenv("STATEFLEET_WORK_METRICS_LISTEN", "127.0.0.1:0")
    with running_parts(tmp_path, *QUICK) as parts:
        kubectl = parts.kubectl()
        kubectl.apply(stateful_set(replicas=1))
        kubectl("rollout status sts/web --timeout=25s")
        url = parts.metrics_of("workers")
        with alerting(tmp_path / "alerting", url) as alerts:
            parts.kill("revision-history")
            kubectl(f"set image sts/web app={IMAGE}:2")
            until_firing(alerts, {"default": {"KubeStatefulSetGenerationMismatch"}})
            parts.start("revision-history")
            until_firing(alerts, {})
            kubectl("rollout status sts/web --timeout=25s")


def test_how_to_silence_a_partition_is_written_about() -> None:
    assert UNLESS_HELD in (PROMETHEUS / "METRICS.md").read_text(encoding="utf-8")
