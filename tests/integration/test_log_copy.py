"""A fleet moves from a data directory to another, to Kafka and back, and goes on where it was."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from support.kubectl import Kubectl
from support.manifests import IMAGE, service, stateful_set
from support.processes import statefleet
from support.suite import INSTANT, running_suite

KINDS = "pods,statefulsets,controllerrevisions,services,nodes,secrets,namespaces"


def everything(kubectl: Kubectl) -> dict[str, tuple[str, str]]:
    """The uid and the version of each object that does not change by itself."""
    found: list[dict[str, Any]] = json.loads(kubectl(f"get {KINDS} -A -o json"))["items"]
    return {
        f"{each['kind']}/{each['metadata'].get('namespace', '')}/{each['metadata']['name']}": (
            each["metadata"]["uid"],
            each["metadata"]["resourceVersion"] if each["kind"] != "Node" else "",
        )
        for each in found
    }


def copy(source: str, target: str, *options: object) -> str:
    process = statefleet("log", "copy", "--from", source, "--to", target, *options)
    assert process.wait() == 0, process.output
    return process.output


def refused(source: str, target: str, *options: object) -> str:
    process = statefleet("log", "copy", "--from", source, "--to", target, *options)
    assert process.wait() != 0
    assert "Traceback" not in process.output
    return process.output


def test_a_fleet_moves_between_directories_and_kafka(tmp_path: Path, kafka: str) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    with running_suite(first, *INSTANT) as suite:
        kubectl = suite.kubectl()
        kubectl.apply(service(), stateful_set(replicas=3))
        kubectl("create secret generic s --from-literal=k=v")
        kubectl("rollout status sts/web --timeout=20s")
        kubectl(f"set image sts/web app={IMAGE}:2")
        kubectl("rollout status sts/web --timeout=20s")
        assert "in use by process" in refused(f"sqlite:{first}", f"sqlite:{second}")
        before = everything(kubectl)
    output = copy(f"sqlite:{first}", f"sqlite:{second}")
    assert "copied and verified" in output
    assert re.search(r"workloads +\d+ +1 +\d+ +\d+ +1 +\d+", output), output
    assert "workloads is not empty" in refused(f"sqlite:{first}", f"sqlite:{second}")
    config = tmp_path / "kafka.yaml"
    config.write_text("replication_factor: 1\nmin_insync_replicas: 1\n")
    topics = f"kafka:{kafka}?prefix=moved"
    assert "holds no logs of a fleet" in refused(topics, f"sqlite:{third}", "--kafka-config", config)
    assert "copied and verified" in copy(f"sqlite:{second}", topics, "--kafka-config", config)
    keys = first / "certificates" / "encryption.keys"
    options = ("--kafka-config", config, "--encryption-keys", keys)
    assert "copied and verified" in copy(topics, f"sqlite:{third}", *options)
    (third / "certificates").rename(third / "own")
    (first / "certificates").rename(third / "certificates")
    with running_suite(third, *INSTANT) as suite:
        kubectl = suite.kubectl()
        after = everything(kubectl)
        assert after == before
        assert kubectl("get secret s -o jsonpath={.data.k}") == "dg=="
        assert [line.split()[0] for line in kubectl("rollout history sts/web").splitlines()[2:] if line] == ["1", "2"]
        kubectl("rollout undo sts/web")
        kubectl("rollout status sts/web --timeout=20s")


def test_what_is_no_place_is_refused_in_words(tmp_path: Path) -> None:
    assert "neither sqlite:DIR nor kafka:HOST:PORT" in refused("here", "sqlite:there")
    assert "'topic' is not known after the ?" in refused("kafka:a:1?topic=x", "sqlite:there")
    assert "there is no such directory" in refused(f"sqlite:{tmp_path / 'absent'}", f"sqlite:{tmp_path / 'b'}")
    (tmp_path / "a").mkdir()
    assert "holds no logs of a fleet" in refused(f"sqlite:{tmp_path / 'a'}", f"sqlite:{tmp_path / 'b'}")
    assert "cannot be its own destination" in refused(f"sqlite:{tmp_path}", f"sqlite:{tmp_path}")
