"""The life of a ZooKeeper ensemble and a Kafka cluster, as a user types it and sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.kubectl import EXAMPLES, Kubectl, container
from support.pod_stream import PodStream, Step, replacements
from support.processes import until
from support.suite import running_suite

DELAYS = ("--start-delay=0.1", "--ready-delay=0.1", "--stop-delay=0.05")
CPU = "/spec/template/spec/containers/0/resources/requests/cpu"
KAFKA = ("kafka-0", "kafka-1", "kafka-2")
ZK = ("zk-0", "zk-1", "zk-2")


@pytest.mark.parametrize("manifests", ["classic", "current"])
def test_the_story(tmp_path: Path, manifests: str) -> None:
    examples = EXAMPLES / manifests
    with running_suite(tmp_path, *DELAYS) as suite:
        kubectl = suite.kubectl()
        with kubectl.stream("app=zk") as pods:
            create_an_ensemble(kubectl, pods, examples)
        with kubectl.stream("app=kafka") as pods:
            create_a_cluster(kubectl, pods, examples)
            update_it(kubectl, pods)
            stage_an_update(kubectl, pods)
            phase_it_in(kubectl, pods)
        clean_up(kubectl, examples)


def create_an_ensemble(kubectl: Kubectl, pods: PodStream, examples: Path) -> None:
    assert kubectl(f"apply -f {examples}/zookeeper.yaml").splitlines() == [
        "service/zk-hs created",
        "service/zk-cs created",
        "poddisruptionbudget.policy/zk-pdb created",
        "statefulset.apps/zk created",
    ]
    steps = pods.until_stage("Running 1/1", *ZK)
    for pod in ZK:
        assert [step.stage for step in steps if step.pod == pod] == [
            "Pending",
            "ContainerCreating",
            "Running 0/1",
            "Running 1/1",
        ]
    begun = [step.pod for step in steps[: steps.index(Step("zk-0", "Running 1/1"))]]
    assert set(begun) == set(ZK), "all start together"
    each_pod_has_its_node_and_volume(kubectl, "zk")
    wanted = sorted(pod["status"]["podIP"] for pod in kubectl.pods("app=zk").values())
    until(
        lambda: addresses(kubectl, "zk-hs") == addresses(kubectl, "zk-cs") == wanted, "three pods behind each service"
    )
    for name, pod in kubectl.pods("app=zk").items():
        assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == (name, "zk-hs")


def each_pod_has_its_node_and_volume(kubectl: Kubectl, name: str) -> None:
    pods = kubectl.pods(f"app={name}")
    assert {pod["spec"]["nodeName"] for pod in pods.values()} == {"node-1", "node-2", "node-3"}
    header, *rows = [line.split() for line in kubectl(f"get pvc --selector=app={name}").splitlines()]
    assert header[:4] == ["NAME", "STATUS", "VOLUME", "CAPACITY"]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        (f"datadir-{name}-{ordinal}", "Bound", "10Gi") for ordinal in range(3)
    ]
    volumes = {volume["metadata"]["name"] for volume in kubectl.json("pv")["items"]}
    assert {row[2] for row in rows} <= volumes


def addresses(kubectl: Kubectl, service: str) -> list[str]:
    subsets = kubectl.json(f"endpoints {service}").get("subsets", [])
    return sorted(address["ip"] for subset in subsets for address in subset.get("addresses", []))


def create_a_cluster(kubectl: Kubectl, pods: PodStream, examples: Path) -> None:
    assert kubectl(f"apply -f {examples}/kafka.yaml").splitlines() == [
        "service/kafka-hs created",
        "poddisruptionbudget.policy/kafka-pdb created",
        "statefulset.apps/kafka created",
    ]
    pods.until_stage("Running 1/1", *KAFKA)
    each_pod_has_its_node_and_volume(kubectl, "kafka")


def update_it(kubectl: Kubectl, pods: PodStream) -> None:
    pods.skip()
    assert set_cpu(kubectl, "250m") == "statefulset.apps/kafka patched\n"
    progress = kubectl("rollout status sts kafka").splitlines()
    assert progress[-1].startswith("statefulset rolling update complete 3 pods at revision kafka-")
    assert pods.until_stage("Running 1/1", *KAFKA) == replacements("kafka-2", "kafka-1", "kafka-0")
    assert cpus(kubectl) == ["250m", "250m", "250m"]


def stage_an_update(kubectl: Kubectl, pods: PodStream) -> None:
    pods.skip()
    set_partition(kubectl, 3)
    set_cpu(kubectl, "0.3")
    assert kubectl("rollout status sts kafka") == "partitioned roll out complete: 0 new pods have been updated...\n"
    kubectl("delete pod kafka-1")
    assert pods.until_stage("Running 1/1", "kafka-1") == replacements("kafka-1")
    assert "cpu: 250m" in kubectl("get pod kafka-1 -o yaml")
    assert cpus(kubectl) == ["250m", "250m", "250m"]


def phase_it_in(kubectl: Kubectl, pods: PodStream) -> None:
    for partition, wanted in ((2, ["250m", "250m", "300m"]), (1, ["250m", "300m", "300m"]), (0, ["300m"] * 3)):
        pods.skip()
        set_partition(kubectl, partition)
        updated = f"kafka-{partition}"
        assert pods.until_stage("Running 1/1", updated) == replacements(updated)
        kubectl("rollout status sts kafka")
        assert cpus(kubectl) == wanted


def clean_up(kubectl: Kubectl, examples: Path) -> None:
    assert kubectl(f"delete -f {examples}/kafka.yaml").splitlines() == [
        'service "kafka-hs" deleted from default namespace',
        'poddisruptionbudget.policy "kafka-pdb" deleted from default namespace',
        'statefulset.apps "kafka" deleted from default namespace',
    ]
    kubectl(f"delete -f {examples}/zookeeper.yaml")
    kubectl("wait --for=delete pods,controllerrevisions --all --timeout=20s")
    assert kubectl("get sts,pdb,svc,pods -o name") == ""
    claims = kubectl.json("pvc")["items"]
    assert [(claim["metadata"]["name"], claim["status"]["phase"]) for claim in claims] == [
        (f"datadir-{pod}", "Bound") for pod in KAFKA + ZK
    ]
    kubectl("delete pvc --all")
    kubectl("wait --for=delete pv --all --timeout=20s")


def set_cpu(kubectl: Kubectl, cpu: str) -> str:
    return kubectl.patch("sts kafka", [{"op": "replace", "path": CPU, "value": cpu}])


def set_partition(kubectl: Kubectl, partition: int) -> str:
    strategy: Any = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    return kubectl.patch("sts kafka", {"spec": {"updateStrategy": strategy}})


def cpus(kubectl: Kubectl) -> list[str]:
    pods = kubectl.pods("app=kafka")
    return [container(pods[name])["resources"]["requests"]["cpu"] for name in sorted(pods)]
