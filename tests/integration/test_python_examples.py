"""The examples for programs, run as a user runs them against a suite of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from statefleet.app.peers import SERVICES
from statefleet.client import BlockingConnection, connect_blocking, daemon_set, stateful_set
from statefleet.client.rollouts import Progress
from statefleet.errors import NotFound
from statefleet.objects.kinds import STATEFUL_SET
from support.objects import a_stateful_set
from support.processes import Process, ended, statefleet
from support.suite import QUICK, ROOMY, Suite, running_suite

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples" / "python"
WEB = stateful_set("web")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    options = ("--grpc-listen=127.0.0.1:0", *QUICK, *ROOMY)
    with running_suite(tmp_path_factory.mktemp("suite"), *options) as running:
        yield running


@pytest.fixture
def connection(suite: Suite) -> Iterator[BlockingConnection]:
    with connect_blocking(suite.grpc_address, suite.directory / "certificates", field_manager="tester") as connected:
        connected.fleet.create(a_stateful_set())
        assert connected.rollouts.wait(WEB, timeout=30).state == Progress.STATE_DONE
        yield connected
        connected.fleet.delete(STATEFUL_SET, "web", "default")
        with pytest.raises(NotFound):
            for _ in connected.rollouts.watch(WEB):
                pass


def example(suite: Suite, name: str, *arguments: str) -> Process:
    certificates = suite.directory / "certificates"
    return Process([sys.executable, str(EXAMPLES / name), suite.grpc_address, str(certificates), *arguments])


def image_of(connection: BlockingConnection) -> str:
    return connection.fleet.get(STATEFUL_SET, "web", "default").spec.template.spec.containers[0].image


def test_a_rollout_is_watched_to_its_end(suite: Suite, connection: BlockingConnection) -> None:
    connection.rollouts.restart(WEB)
    watching = example(suite, "watch_rollout.py", "web")
    assert watching.wait() == 0, watching.output
    assert watching.heard.lines[-1] == "done: all pods are updated and available"
    assert "3/3 updated  web-0:2:available  web-1:2:available  web-2:2:available" in watching.output


def test_a_rollout_that_is_stuck_is_told_with_the_pod(suite: Suite, connection: BlockingConnection) -> None:
    found = connection.fleet.get(STATEFUL_SET, "web", "default")
    found.spec.template.spec.containers[0].image = "nginx:bad"
    found.metadata.ClearField("resource_version")  # the status may still be written
    connection.fleet.update(found)
    watching = example(suite, "watch_rollout.py", "web")
    assert watching.wait() == 1, watching.output
    assert re.match("failed: (ErrImagePull|ImagePullBackOff): web-2 is stuck", watching.heard.lines[-1])


def test_a_canary_is_promoted(suite: Suite, connection: BlockingConnection) -> None:
    canary = example(suite, "canary_sync.py", "web", "nginx:2")
    assert canary.wait() == 0, canary.output
    assert canary.heard.lines == [
        "canary: all pods from partition 2 on are updated and available",
        '  spec.template.spec.containers[name=main].image: "nginx:1" -> "nginx:2"',
        "all: all pods are updated and available",
    ]
    (*_, newest) = connection.fleet.history(STATEFUL_SET, "web", "default")
    assert newest.changed_by == "canary"


def test_a_bad_canary_is_taken_back(suite: Suite, connection: BlockingConnection) -> None:
    canary = example(suite, "canary_sync.py", "web", "nginx:bad")
    assert canary.wait() == 1, canary.output
    first, last = canary.heard.lines
    assert first.startswith("canary: web-2 is stuck")
    assert last.endswith("all pods are updated and available")
    assert image_of(connection) == "nginx:1"


def test_a_gateway_of_its_own_process_serves_rollouts_too(suite: Suite, connection: BlockingConnection) -> None:
    certificates = suite.directory / "certificates"
    services = [f"--{name}={suite.grpc_address}" for name in SERVICES]
    listen = ("--listen=127.0.0.1:0", "--grpc-listen=127.0.0.1:0", "--certificates", certificates)
    gateway = statefleet("serve", "gateway", *listen, *services)
    with ended(gateway):
        address = gateway.until(r"rollouts at (\S+)")[1]
        with connect_blocking(address, certificates) as front:
            assert front.rollouts.restart(WEB).generation == 2
            assert front.rollouts.wait(WEB, timeout=30).state == Progress.STATE_DONE
        assert gateway.stop() == 0
    assert connection.rollouts.status(WEB).generation == 2


def test_errors_reach_a_program_without_a_loop(connection: BlockingConnection) -> None:
    with pytest.raises(NotFound, match=r'daemonsets\.apps "none" not found'):
        connection.rollouts.status(daemon_set("none"))
