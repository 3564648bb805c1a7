"""Rolling updates, scaling and rolling back, with kubectl."""

from __future__ import annotations

import json
import shlex
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.kubectl import Kubectl, container, document, images, uids, waits_for
from support.manifests import IMAGE, SLOW_START, stateful_set
from support.pod_stream import Step, replacements
from support.processes import until
from support.rolling import is_ready
from support.suite import QUICK, ROOMY, running_suite

POLICIES = ("OrderedReady", "Parallel")


def until_stuck(kubectl: Kubectl, pod: str, image: str = f"{IMAGE}:bad") -> None:
    """Wait until a pod has given up pulling an image for now."""
    kubectl.until_pod(
        pod, lambda found: container(found)["image"] == image and waits_for(found) == "ImagePullBackOff"
    )


def create(kubectl: Kubectl, replicas: int = 3, **spec: Any) -> None:
    """Create the set web and wait until it is ready."""
    manifest = stateful_set(replicas=replicas, **spec)
    manifest["spec"]["template"]["metadata"]["annotations"] = {SLOW_START: "0.1"}
    kubectl.apply(manifest)
    kubectl(f"wait sts/web --for=jsonpath={{.status.availableReplicas}}={replicas} --timeout=20s")


def finish(kubectl: Kubectl, replicas: int = 3) -> None:
    """Wait until all pods are updated."""
    progress = kubectl("rollout status sts/web --timeout=20s").splitlines()
    assert progress[-1] == f"partitioned roll out complete: {replicas} new pods have been updated..."


def set_image(kubectl: Kubectl, tag: str) -> None:
    kubectl(f"set image sts/web app={IMAGE}:{tag}")


def most_missing(steps: list[Step], replicas: int) -> int:
    """Return how many of a set's pods were not ready at the same time, at most; all were before."""
    missing: set[str] = set()
    most = 0
    for pod, stage in steps:
        if stage == "Running 1/1":
            missing.discard(pod)
        else:
            missing.add(pod)
        most = max(most, len(missing))
    assert most < replicas
    return most


def named(*ordinals: int) -> list[str]:
    return [f"web-{ordinal}" for ordinal in ordinals]


@pytest.mark.surface("S1.order")
@pytest.mark.parametrize("policy", POLICIES)
def test_an_update_goes_from_the_highest_ordinal_down(kubectl: Kubectl, policy: str) -> None:
    create(kubectl, podManagementPolicy=policy)
    with kubectl.stream() as pods:
        set_image(kubectl, "2")
        finish(kubectl)
        assert pods.until_stage("Running 1/1", "web-0") == replacements("web-2", "web-1", "web-0")


@pytest.mark.surface("S1.scale-down-first")
def test_ordered_pods_are_created_and_removed_one_after_the_other(kubectl: Kubectl) -> None:
    with kubectl.stream() as pods:
        create(kubectl)
        stages = ("Pending", "ContainerCreating", "Running 0/1", "Running 1/1")
        created = [Step(f"web-{ordinal}", stage) for ordinal in range(3) for stage in stages]
        assert pods.until_stage("Running 1/1", "web-2") == created
        pods.skip()
        assert kubectl("scale sts web --replicas=0") == "statefulset.apps/web scaled\n"
        removed = [Step(f"web-{ordinal}", stage) for ordinal in (2, 1, 0) for stage in ("Terminating", "gone")]
        assert pods.until_stage("gone", "web-0") == removed


def of_the_template(**template: Any) -> str:
    return f"patch sts web -p {shlex.quote(json.dumps({'spec': {'template': template}}))}"


CHANGES = {
    "image": f"set image sts/web app={IMAGE}:2",
    "environment": "set env sts/web COLOUR=green",
    "resources": "set resources sts/web --requests=cpu=100m,memory=64Mi --limits=memory=128Mi",
    "service account": "set serviceaccount sts/web default",
    "arguments": of_the_template(spec={"containers": [{"name": "app", "args": ["-v"]}]}),
    "label": of_the_template(metadata={"labels": {"tier": "front"}}),
    "annotation": of_the_template(metadata={"annotations": {"note": "x"}}),
    "restart": "rollout restart sts/web",
}


@pytest.mark.surface("requests.restart", "requests.set-image", "revisions.template-only")
def test_whatever_changes_in_the_template_rolls(kubectl: Kubectl) -> None:
    create(kubectl, 1)
    for what, command in CHANGES.items():
        before = kubectl.pods()["web-0"]
        kubectl(command)
        kubectl("rollout status sts/web")
        after = kubectl.pods()["web-0"]
        assert before["metadata"]["uid"] != after["metadata"]["uid"], what
    assert len(kubectl("rollout history sts/web").splitlines()) == 2 + 1 + len(CHANGES) + 1
    annotations = kubectl.json("sts web")["spec"]["template"]["metadata"]["annotations"]
    assert set(annotations) == {SLOW_START, "note", "kubectl.kubernetes.io/restartedAt"}


@pytest.mark.surface("revisions.template-only")
def test_what_is_not_of_the_template_does_not_roll(kubectl: Kubectl) -> None:
    create(kubectl, 2)
    before = kubectl.pods()
    kubectl("label sts/web tier=front")
    kubectl("annotate sts/web note=x")
    kubectl.patch("sts/web", {"spec": {"minReadySeconds": 0, "revisionHistoryLimit": 3}})
    kubectl("rollout status sts/web")
    assert uids(kubectl.pods()) == uids(before)


@pytest.mark.surface("S7.on-delete")
def test_on_delete_waits_for_each_pod_to_be_deleted(kubectl: Kubectl) -> None:
    create(kubectl, updateStrategy={"type": "OnDelete"})
    before = uids(kubectl.pods())
    with kubectl.stream() as pods:
        set_image(kubectl, "2")
        refused = kubectl.fails("rollout status sts/web")
        assert "rollout status is only available for RollingUpdate strategy type" in refused
        kubectl("delete pod web-1")
        assert pods.until_stage("Running 1/1", "web-1") == replacements("web-1")
    after = kubectl.pods()
    assert images(after) == [f"{IMAGE}:1", f"{IMAGE}:2", f"{IMAGE}:1"]
    assert [name for name in after if uids(after)[name] == before[name]] == ["web-0", "web-2"]
    kubectl.patch("sts/web", {"spec": {"updateStrategy": {"type": "RollingUpdate"}}})
    kubectl("rollout status sts/web")
    assert images(kubectl.pods()) == [f"{IMAGE}:2"] * 3
    assert uids(kubectl.pods())["web-1"] == uids(after)["web-1"]


@pytest.mark.surface("traps.rollback-of-broken")
@pytest.mark.parametrize("policy", POLICIES)
def test_a_bad_image_costs_one_pod_and_undo_heals(kubectl: Kubectl, policy: str) -> None:
    create(kubectl, podManagementPolicy=policy)
    before = uids(kubectl.pods())
    set_image(kubectl, "bad")
    until_stuck(kubectl, "web-2")
    stuck = kubectl.json("sts web")["status"]
    assert (stuck["readyReplicas"], stuck["updatedReplicas"]) == (2, 1)
    assert kubectl("rollout undo sts/web") == "statefulset.apps/web rolled back\n"
    finish(kubectl)
    after = kubectl.pods()
    assert images(after) == [f"{IMAGE}:1"] * 3
    assert [name for name in after if uids(after)[name] == before[name]] == ["web-0", "web-1"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_set_that_began_with_a_bad_image_is_mended_by_a_good_one(kubectl: Kubectl, policy: str) -> None:
    kubectl.apply(stateful_set(tag="bad", podManagementPolicy=policy))
    until_stuck(kubectl, "web-0")
    set_image(kubectl, "1")
    finish(kubectl)


def test_one_bad_update_after_another_costs_no_second_pod(kubectl: Kubectl) -> None:
    create(kubectl)
    before = uids(kubectl.pods())
    for image in ("registry.example/nonexistent:1", "registry.example/nonexistent:2"):
        kubectl(f"set image sts/web app={image}")
        until_stuck(kubectl, "web-2", image)
    assert [name for name, uid in uids(kubectl.pods()).items() if uid == before[name]] == ["web-0", "web-1"]


def history(kubectl: Kubectl) -> list[tuple[str, str]]:
    head, columns, *rows = kubectl("rollout history sts/web").strip().splitlines()
    assert head.strip() == "statefulset.apps/web"
    assert columns.split() == ["REVISION", "CHANGE-CAUSE"]
    return [(row.split()[0], " ".join(row.split()[1:])) for row in rows]


@pytest.mark.surface("traps.skipped-rollback", "requests.history-and-undo", "revisions.same-object-again")
def test_history_is_told_and_gone_back_to(kubectl: Kubectl) -> None:
    create(kubectl, 1)
    for tag in ("2", "3"):
        containers = [{"name": "app", "image": f"{IMAGE}:{tag}"}]
        kubectl(of_the_template(metadata={"annotations": {f"only-{tag}": ""}}, spec={"containers": containers}))
        kubectl(f"annotate sts/web kubernetes.io/change-cause=image-{tag} --overwrite")
        kubectl("rollout status sts/web")
    told = [("1", "<none>"), ("2", "image-2"), ("3", "image-3")]
    until(lambda: history(kubectl) == told, "the causes of all changes")
    assert f"{IMAGE}:2" in kubectl("rollout history sts/web --revision=2")
    assert kubectl("rollout undo sts/web") == "statefulset.apps/web rolled back\n"
    kubectl("rollout status sts/web")
    assert [number for number, _ in history(kubectl)] == ["1", "3", "4"]
    assert kubectl("rollout undo sts/web --to-revision=1") == "statefulset.apps/web rolled back\n"
    kubectl("rollout status sts/web")
    assert [number for number, _ in history(kubectl)] == ["3", "4", "5"]
    assert images(kubectl.pods()) == [f"{IMAGE}:1"]
    assert kubectl.json("sts web")["spec"]["template"]["metadata"]["annotations"] == {SLOW_START: "0.1"}
    skipped = kubectl("rollout undo sts/web --to-revision=5")
    assert skipped == "statefulset.apps/web skipped rollback (current template already matches revision 5)\n"
    refused = kubectl.fails("rollout undo sts/web --to-revision=10")
    assert refused.endswith("error: unable to find specified revision 10 in history\n")
    assert "pausing is not supported" in kubectl.fails("rollout pause sts/web")
    assert kubectl("rollout restart sts/web") == "statefulset.apps/web restarted\n"


ODD = {"note": 'a < b && c > d, \u2028 "quoted" \\ \t', "empty": ""}
"""Text that is not written alike by every JSON encoder."""


@pytest.mark.surface("traps.skipped-rollback")
def test_kubectl_finds_its_own_bytes_in_a_revision(kubectl: Kubectl) -> None:
    manifest = stateful_set(replicas=0)
    template = manifest["spec"]["template"]
    template["metadata"]["annotations"] = ODD
    container(template).update(
        args=["<&>"],
        env=[{"name": "A", "value": ""}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        livenessProbe={"httpGet": {"path": "/a?b&c", "port": "http"}},
        ports=[{"name": "http", "containerPort": 80}],
        resources={"limits": {"cpu": "0.5", "memory": "1024Mi"}},
        securityContext={"runAsNonRoot": False},
        volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
    )
    template["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    kubectl.apply(manifest)
    kubectl("rollout status sts/web")
    skipped = "statefulset.apps/web skipped rollback (current template already matches revision 1)\n"
    assert kubectl("rollout undo sts/web --to-revision=1") == skipped


@pytest.mark.surface("traps.no-spurious-rollout")
def test_a_revision_in_the_words_of_another_release_stays_and_no_pod_is_replaced(kubectl: Kubectl) -> None:
    create(kubectl, 2)
    before = uids(kubectl.pods())
    (revision,) = kubectl.json("controllerrevisions")["items"]
    kubectl("delete sts web --cascade=orphan")
    kubectl("delete controllerrevisions --all")
    manifest = stateful_set(replicas=2)
    template = manifest["spec"]["template"]
    template["metadata"] |= {"annotations": {SLOW_START: "0.1"}, "creationTimestamp": None}
    named = {key: revision["metadata"][key] for key in ("name", "labels")}
    sparse = {"spec": {"template": {**template, "$patch": "replace"}}}
    assert sparse != revision["data"]
    kubectl(
        "create -f -",
        stdin=document(
            {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": named,
                "revision": 1,
                "data": sparse,
            }
        ),
    )
    create(kubectl, 2)
    kubectl("rollout status sts/web")
    assert uids(kubectl.pods()) == before
    assert kubectl("get controllerrevisions -o name") == f"controllerrevision.apps/{named['name']}\n"
    set_image(kubectl, "2")
    kubectl("rollout status sts/web")
    assert not set(uids(kubectl.pods()).values()) & set(before.values())


@pytest.mark.surface("revisions.limit")
def test_history_is_cut_to_its_limit(kubectl: Kubectl) -> None:
    create(kubectl, 1, revisionHistoryLimit=2)
    for tag in ("2", "3", "4", "5"):
        set_image(kubectl, tag)
        kubectl("rollout status sts/web")
    until(lambda: [number for number, _ in history(kubectl)] == ["3", "4", "5"], "three revisions")


@pytest.mark.surface("S2.max-unavailable")
def test_as_many_pods_as_may_be_unavailable_go_together(kubectl: Kubectl) -> None:
    create(kubectl, 5, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}})
    with kubectl.stream() as pods:
        set_image(kubectl, "2")
        steps = pods.until_stage("Running 1/1", *named(0, 1, 2, 3, 4))
    assert most_missing(steps, 5) == 2
    assert steps[:2] == [Step("web-4", "Terminating"), Step("web-3", "Terminating")]
    assert [step.pod for step in steps if step.stage == "Terminating"] == named(4, 3, 2, 1, 0)


@pytest.mark.surface("S3.min-ready")
def test_a_pod_must_be_ready_for_a_while_before_the_next_one_goes(kubectl: Kubectl) -> None:
    create(kubectl, 2, minReadySeconds=2)
    set_image(kubectl, "2")
    kubectl("rollout status sts/web")
    pods = kubectl.pods()
    ready = next(item for item in pods["web-1"]["status"]["conditions"] if item["type"] == "Ready")
    waited = moment(pods["web-0"]["metadata"]["creationTimestamp"]) - moment(ready["lastTransitionTime"])
    assert timedelta(seconds=2) <= waited < timedelta(seconds=10)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.surface("S1.partition", "S5.start")
def test_ordinals_begin_where_they_are_told_to(kubectl: Kubectl) -> None:
    create(kubectl, ordinals={"start": 5})
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    with kubectl.stream() as pods:
        kubectl.patch("sts/web", {"spec": {"updateStrategy": rolling}})
        set_image(kubectl, "2")
        assert pods.until_stage("Running 1/1", "web-6", "web-7") == replacements("web-7", "web-6")
        kubectl("rollout status sts/web")
        assert images(kubectl.pods()) == [f"{IMAGE}:1", f"{IMAGE}:2", f"{IMAGE}:2"]
        pods.skip()
        rolling["rollingUpdate"] = {"partition": 0}
        kubectl.patch("sts/web", {"spec": {"updateStrategy": rolling}})
        assert pods.until_stage("Running 1/1", "web-5") == replacements("web-5")


@pytest.mark.surface("S1.below-partition")
def test_what_dies_during_an_update_comes_back_as_it_belongs_also_after_a_restart(tmp_path: Path) -> None:
    with running_suite(tmp_path, *QUICK, *ROOMY) as suite:
        kubectl = suite.kubectl()
        create(kubectl, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}})
        set_image(kubectl, "2")
        kubectl("rollout status sts/web")
        wanted = [f"{IMAGE}:1", f"{IMAGE}:2", f"{IMAGE}:2"]
        assert images(kubectl.pods()) == wanted
        suite.stop()
        suite.start()
        with kubectl.stream() as pods:
            for name in ("web-0", "web-2"):
                pods.skip()
                kubectl(f"delete pod {name}")
                assert pods.until_stage("Running 1/1", name) == replacements(name)
        assert images(kubectl.pods()) == wanted
        before = uids(kubectl.pods())
        kubectl("delete pod web-0 web-1 --wait=false")
        suite.process.kill()
        suite.start()
        for name in ("web-0", "web-1"):
            kubectl.until_pod(name, lambda pod: pod["metadata"]["uid"] not in before.values() and is_ready(pod))
        assert images(kubectl.pods()) == wanted


def test_a_phased_update_is_finished_after_a_crash(tmp_path: Path) -> None:
    with running_suite(tmp_path, *QUICK, *ROOMY) as suite:
        kubectl = suite.kubectl()
        create(kubectl, 4)
        with kubectl.stream() as pods:
            set_image(kubectl, "2")
            pods.until_stage("Terminating", "web-2")
            suite.process.kill()
        suite.start()
        finish(kubectl, 4)
        assert images(kubectl.pods()) == [f"{IMAGE}:2"] * 4
