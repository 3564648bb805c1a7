"""What deploy/up.sh brings up is a fleet that stock kubectl works with, that heals, and that Prometheus sees."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.claimed import free_port
from support.kubectl import Kubectl, find_kubectl
from support.parts import SERVICES
from support.processes import until

DEPLOY = Path(__file__).parents[2] / "deploy"
PROJECT = "statefleet-tests"
NODES, PARTS, SERVERS = 6, 14, 6


class Fleet:
    """The fleet that compose.yaml describes, at ports of its own."""

    def __init__(self, directory: Path) -> None:
        self.said = ""
        self.kubeconfig = directory / "kubeconfig"
        self._prometheus = free_port()
        self._environment = {
            **os.environ,
            "KUBECTL": find_kubectl(),
            "STATEFLEET_KUBECONFIG": str(self.kubeconfig),
            "STATEFLEET_PROJECT": PROJECT,
            "STATEFLEET_PORT": str(free_port()),
            "STATEFLEET_SECOND_PORT": str(free_port()),
            "PROMETHEUS_PORT": str(self._prometheus),
        }

    def up(self) -> None:
        self.said = self._run("up.sh")

    def down(self) -> None:
        self._run("down.sh")

    def kill(self, part: str) -> None:
        """End a part as a crash does, for good."""
        _docker("kill", *self.containers(f"label=com.docker.compose.service={part}"))

    def start(self, part: str) -> None:
        """Start a part again."""
        _docker("start", *self.containers(f"label=com.docker.compose.service={part}"))

    def containers(self, *conditions: str) -> list[str]:
        """Return the fleet's containers that meet conditions, in the words of `docker ps`."""
        filters = [f"--filter={each}" for each in (f"label=com.docker.compose.project={PROJECT}", *conditions)]
        return _docker("ps", "--all", "--quiet", *filters).split()

    def targets_up(self) -> int:
        """Return how many parts Prometheus has reached."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._prometheus}/api/v1/targets") as answer:
            targets = json.load(answer)["data"]["activeTargets"]
        return sum(target["health"] == "up" for target in targets if target["labels"]["job"] == "statefleet")

    def _run(self, script: str) -> str:
        done = subprocess.run(
            [DEPLOY / script],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def _docker(*command: str) -> str:
    done = subprocess.run(["docker", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def fleet(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        fleet.up()
        yield fleet
    finally:
        fleet.down()
    assert fleet.containers() == []


@pytest.fixture
def kubectl(fleet: Fleet) -> Kubectl:
    return Kubectl(fleet.kubeconfig)


def test_the_story_is_played_to_its_end(fleet: Fleet, kubectl: Kubectl) -> None:
    assert "statefulset rolling update complete 3 pods" in fleet.said
    assert "partitioned roll out complete: 1 new pods have been updated" in fleet.said
    assert 'daemon set "node-exporter" successfully rolled out' in fleet.said
    assert revisions(kubectl, "sts/kafka") == [1, 4, 5, 6]
    assert revisions(kubectl, "ds/node-exporter") == [2, 3]
    kafka = kubectl.json("sts kafka")
    assert kafka["status"]["readyReplicas"] == kafka["status"]["updatedReplicas"] == 3
    assert {"name": "ROLLED", "value": "yes"} in kafka["spec"]["template"]["spec"]["containers"][0]["env"]
    assert kubectl.json("ds node-exporter")["status"]["numberReady"] == NODES


def revisions(kubectl: Kubectl, target: str) -> list[int]:
    """Return the revisions that a set's history tells of."""
    lines = kubectl(f"rollout history {target}").splitlines()
    return [int(line.split()[0]) for line in lines if line[:1].isdigit()]


def test_every_part_is_well_and_prometheus_reaches_it(fleet: Fleet) -> None:
    until(lambda: len(fleet.containers("health=healthy")) == PARTS + SERVERS, "every part is well")
    until(lambda: fleet.targets_up() == PARTS, "Prometheus reaches every part")


def test_an_update_is_rolled_out_while_a_replica_of_each_service_is_gone(fleet: Fleet, kubectl: Kubectl) -> None:
    for service in SERVICES:
        fleet.kill(f"{service}-1")

    kubectl("set env sts/zk ROUND=2")
    kubectl("rollout status sts/zk --timeout=25s")

    for service in SERVICES:
        fleet.start(f"{service}-1")
    until(lambda: len(fleet.containers("health=healthy")) == PARTS + SERVERS, "every part is well again")
