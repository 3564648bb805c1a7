"""A DaemonSet's life with kubectl: update, failure, history, rolling back and forward; and nodes that change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.kubectl import EXAMPLES, Kubectl, images, uids
from support.manifests import IMAGE, SLOW_START, daemon_set
from support.processes import until
from support.suite import QUICK, running_suite

EXPORTER = "prom/node-exporter"
NODES = ("node-1", "node-2", "node-3")
FINISHED = 'daemon set "{}" successfully rolled out'
STUCK = (
    "wait pod/{} --for=jsonpath={{.status.containerStatuses[0].state.waiting.reason}}=ImagePullBackOff --timeout=20s"
)


def agent(tag: str = "1", *, rolling: dict[str, Any] | None = None, **pod: Any) -> dict[str, Any]:
    """Return a set called agent; `pod` is its pods' specification, beside the container."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling or {"maxUnavailable": 1}}
    manifest = daemon_set(tag=tag, pod=pod, updateStrategy=strategy)
    manifest["spec"]["template"]["metadata"]["annotations"] = {SLOW_START: "0.1"}
    return manifest


def finish(kubectl: Kubectl, name: str = "agent") -> list[str]:
    """Wait for a roll-out's end and return what was told of its progress."""
    *progress, end = kubectl(f"rollout status ds {name} --timeout=20s").splitlines()
    assert end == FINISHED.format(name)
    return progress


def nodes_of(kubectl: Kubectl, selector: str = "app=agent") -> list[str]:
    """Return the node of each pod that is not on its way out."""
    pods = kubectl.pods(selector).values()
    return sorted(pod["spec"].get("nodeName", "") for pod in pods if "deletionTimestamp" not in pod["metadata"])


def until_on(kubectl: Kubectl, *nodes: str) -> None:
    until(lambda: nodes_of(kubectl) == sorted(nodes), f"pods on {nodes}")


def until_image(kubectl: Kubectl, image: str, selector: str = "app=agent") -> None:
    until(lambda: image in images(kubectl.pods(selector)), f"a pod with {image}")


def numbers(kubectl: Kubectl, name: str = "agent") -> list[str]:
    """Return desired, current, ready, up-to-date and available."""
    header, row = kubectl(f"get ds {name}").splitlines()
    assert " ".join(header.split()) == "NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE"
    return row.split()[1:6]


def history(kubectl: Kubectl) -> list[list[str]]:
    """Return number and cause of each revision."""
    title, header, *rows = kubectl("rollout history ds node-exporter").rstrip().splitlines()
    assert (title.strip(), header.split()) == ("daemonset.apps/node-exporter", ["REVISION", "CHANGE-CAUSE"])
    return [row.split(maxsplit=1) for row in rows]


@pytest.mark.surface("traps.rollback-of-broken", "traps.skipped-rollback", "requests.history-and-undo")
@pytest.mark.parametrize("manifests", ["classic", "current"])
def test_the_story(kubectl: Kubectl, tmp_path: Path, manifests: str) -> None:
    apply = applier(kubectl, tmp_path, EXAMPLES / manifests / "node-exporter.yaml")
    causes = [apply("v0.13.0")]
    finish(kubectl, "node-exporter")
    assert nodes_of(kubectl, "app=node-exporter") == list(NODES)
    causes.append(apply("v0.14.0"))
    progress = finish(kubectl, "node-exporter")
    assert {line.partition(": ")[0] for line in progress} == {
        'Waiting for daemon set "node-exporter" rollout to finish'
    }
    causes.append(apply("bad"))
    kept = it_stops_after_one_pod(kubectl)
    assert history(kubectl) == [[str(number), cause] for number, cause in enumerate(causes, 1)]
    assert f"Image:\t{EXPORTER}:v0.14.0" in kubectl("rollout history ds node-exporter --revision=2")
    assert kubectl("rollout undo ds node-exporter") == "daemonset.apps/node-exporter rolled back\n"
    finish(kubectl, "node-exporter")
    pods = kubectl.pods("app=node-exporter")
    assert images(pods) == [f"{EXPORTER}:v0.14.0"] * 3
    assert kept.items() <= uids(pods).items(), "rolling back touched what was well"
    assert history(kubectl) == [["1", causes[0]], ["3", causes[2]], ["4", causes[1]]]
    undone = kubectl("rollout undo ds node-exporter --to-revision=4")
    assert undone == ("daemonset.apps/node-exporter skipped rollback (current template already matches revision 4)\n")
    complaint = kubectl.fails("rollout undo ds node-exporter --to-revision=10")
    assert complaint.endswith("error: unable to find specified revision 10 in history\n")
    kubectl("delete ds node-exporter")
    until(lambda: not kubectl.pods("app=node-exporter"), "pods gone")


def applier(kubectl: Kubectl, directory: Path, manifest: Path) -> Callable[[str], str]:
    """Return what applies the manifest with another tag, and returns the cause that is to be recorded for it."""

    def apply(tag: str) -> str:
        changed = directory / f"node-exporter-{tag}.yaml"
        changed.write_text(manifest.read_text().replace("v0.13.0", tag))
        kubectl(f"apply -f {changed} --record")
        return f"kubectl apply --namespace={kubectl.namespace} --filename={changed} --record=true"

    return apply


def it_stops_after_one_pod(kubectl: Kubectl) -> dict[str, str]:
    """See an update get stuck and stay so. Return the pods that it has not reached."""
    until_image(kubectl, f"{EXPORTER}:bad", "app=node-exporter")
    pods = kubectl.pods("app=node-exporter")
    (broken,) = (name for name, pod in pods.items() if images({name: pod}) == [f"{EXPORTER}:bad"])
    kubectl(STUCK.format(broken))
    assert "timed out" in kubectl.fails("rollout status ds node-exporter --timeout=1s")
    assert numbers(kubectl, "node-exporter") == ["3", "3", "2", "1", "2"]
    return {name: uid for name, uid in uids(kubectl.pods("app=node-exporter")).items() if name != broken}


@pytest.mark.surface("D1.bad-updates")
def test_one_bad_update_after_another_costs_one_node(kubectl: Kubectl) -> None:
    kubectl.apply(agent())
    finish(kubectl)
    for tag in ("nonexistent-1", "nonexistent-2", "nonexistent-3"):
        kubectl(f"set image ds/agent app={IMAGE}:{tag}")
        until_image(kubectl, f"{IMAGE}:{tag}")
        assert numbers(kubectl)[2] == "2"
    assert sorted(images(kubectl.pods())) == [f"{IMAGE}:1", f"{IMAGE}:1", f"{IMAGE}:nonexistent-3"]


@pytest.mark.surface("requests.restart")
def test_a_restart_replaces_every_pod(kubectl: Kubectl) -> None:
    kubectl.apply(agent())
    finish(kubectl)
    before = uids(kubectl.pods())
    assert kubectl("rollout restart ds agent") == "daemonset.apps/agent restarted\n"
    finish(kubectl)
    assert not before.keys() & kubectl.pods().keys()
    assert nodes_of(kubectl) == list(NODES)


@pytest.mark.surface("D1.on-delete")
def test_on_delete_waits_for_a_hand(kubectl: Kubectl) -> None:
    manifest = agent()
    manifest["spec"]["updateStrategy"] = {"type": "OnDelete"}
    kubectl.apply(manifest)
    kubectl("wait ds/agent --for=jsonpath={.status.numberAvailable}=3 --timeout=20s")
    kubectl(f"set image ds/agent app={IMAGE}:2")
    kubectl("wait ds/agent --for=jsonpath={.status.observedGeneration}=2 --timeout=20s")
    assert images(kubectl.pods()) == [f"{IMAGE}:1"] * 3
    kubectl(f"delete pod {min(kubectl.pods())}")
    kubectl("wait ds/agent --for=jsonpath={.status.updatedNumberScheduled}=1 --timeout=20s")
    assert sorted(images(kubectl.pods())) == [f"{IMAGE}:1", f"{IMAGE}:1", f"{IMAGE}:2"]


@pytest.mark.surface("D1.surge")
def test_a_surge_leaves_no_node_without_a_pod(kubectl: Kubectl) -> None:
    kubectl.apply(agent(rolling={"maxSurge": 1, "maxUnavailable": 0}))
    finish(kubectl)
    with kubectl.stream("app=agent") as pods:
        old = set(kubectl.pods())
        kubectl(f"set image ds/agent app={IMAGE}:2")
        finish(kubectl)
        until(lambda: images(kubectl.pods()) == [f"{IMAGE}:2"] * 3, "the old pods gone")
        serving = set(old)
        for pod, stage in pods.steps:
            if stage == "Running 1/1":
                serving.add(pod)
            elif stage in ("Terminating", "gone"):
                serving.discard(pod)
            assert len(serving) >= 3
    assert nodes_of(kubectl) == list(NODES)


@pytest.mark.surface("D4.events")
def test_events_tell_what_was_done(kubectl: Kubectl) -> None:
    kubectl.apply(agent())
    finish(kubectl)
    name = min(kubectl.pods())
    kubectl(f"delete pod {name}")
    until(lambda: told(kubectl) == {f"Created pod: {pod}" for pod in [name, *kubectl.pods()]}, "four pods made")


def told(kubectl: Kubectl) -> set[str]:
    events = kubectl.json("events --field-selector=involvedObject.name=agent")["items"]
    assert {event["source"]["component"] for event in events} <= {"daemonset-controller"}
    return {event["message"] for event in events}


@pytest.mark.surface("D2.no-execute", "D2.no-schedule")
def test_nodes_decide_what_runs_on_them(tmp_path: Path) -> None:
    with running_suite(tmp_path, *QUICK, "--nodes=4") as suite:
        kubectl = suite.kubectl()
        kubectl("label node node-1 node-2 disk=ssd")
        kubectl.apply(agent(nodeSelector={"disk": "ssd"}))
        finish(kubectl)
        assert nodes_of(kubectl) == ["node-1", "node-2"]
        kubectl("label node node-3 disk=ssd")
        kubectl("label node node-1 disk-")
        until_on(kubectl, "node-2", "node-3")
        kubectl("cordon node-4")
        kubectl("label node node-4 disk=ssd")
        until_on(kubectl, "node-2", "node-3", "node-4")
        kubectl("taint node node-2 dedicated=db:NoSchedule")
        kubectl("wait ds/agent --for=jsonpath={.status.numberMisscheduled}=1 --timeout=20s")
        assert nodes_of(kubectl) == ["node-2", "node-3", "node-4"]
        kubectl("taint node node-3 dedicated=db:NoExecute")
        until_on(kubectl, "node-2", "node-4")
        kubectl("taint node node-3 dedicated-")
        until_on(kubectl, "node-2", "node-3", "node-4")


@pytest.mark.surface("revisions.adoption")
def test_pods_outlive_a_set_that_is_orphaned_and_join_the_next(kubectl: Kubectl) -> None:
    kubectl.apply(agent())
    finish(kubectl)
    before = uids(kubectl.pods())
    kubectl("delete ds agent --cascade=orphan")
    until(lambda: "ownerReferences" not in str(kubectl.pods()), "pods of nobody")
    kubectl.apply(agent())
    finish(kubectl)
    assert uids(kubectl.pods()) == before
    assert len(kubectl.json("controllerrevisions")["items"]) == 1
