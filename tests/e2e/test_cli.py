"""The statefleet command: its help, its errors, how it stops and goes on, and whom it lets in."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from statefleet.app.authority import ADMIN, Identities
from statefleet.app.cli import main
from statefleet.runtime.clock import SystemClock
from support.kubectl import uids
from support.manifests import stateful_set
from support.processes import STATEFLEET, statefleet
from support.suite import INSTANT, QUICK, Suite, running_suite


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STATEFLEET, *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)


def complaint(*arguments: object) -> str:
    """Run a command that is to fail and return what it says: a message, never a traceback."""
    result = call(*arguments)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    return result.stderr


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands(main)), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    result = call(*path, "--help")
    assert result.returncode == 0
    assert f"Usage: {' '.join(('statefleet', *path))} " in result.stdout
    for option in (line for line in result.stdout.splitlines() if line.startswith("  --")):
        assert len(option.split()) > 1


def test_help_shows_no_marks_of_layout() -> None:
    assert "\\b" not in call("health", "--help").stdout


def test_version() -> None:
    assert call("version").stdout.startswith("statefleet 0.")


BAD_OPTIONS = {
    "an unknown option": (("up", "--nope"), "No such option"),
    "an unknown command": (("upp",), "No such command 'upp'"),
    "no address": (("up", "--listen", "here"), "'here' is not HOST:PORT"),
    "nobody's port": (
        ("serve", "gateway", "--certificates=.", "--node-registry=a:1,b:0"),
        "Invalid value for '--node-registry': 'b:0' has port 0, at which nobody can be called",
    ),
    "no port": (("up", "--listen", "127.0.0.1:99999"), "is not HOST:PORT"),
    "no port of Kafka": (
        ("serve", "node-registry", "--certificates=.", "--zookeeper=z", "--kafka=k:9092,k:65536"),
        "Invalid value for '--kafka': 'k:65536' is not HOST:PORT with a port up to 65535",
    ),
    "no port of ZooKeeper": (
        ("serve", "node-registry", "--certificates=.", "--kafka=k:9092", "--zookeeper=z:65536"),
        "--zookeeper: hosts has 'z:65536', whose port is not from 1 to 65535",
    ),
    "no quantity": (("up", "--node-cpu", "lots"), "Invalid value for '--node-cpu'"),
    "fewer than no nodes": (("up", "--nodes", "-1"), "Invalid value for '--nodes'"),
    "time that runs back": (("up", "--ready-delay", "-1"), "Invalid value for '--ready-delay'"),
    "no expression": (("up", "--bad-image", "("), "is not a regular expression"),
    "no URL": (("kubeconfig", "--server", "here"), "'here' is not a URL"),
    "an empty token": (
        ("kubeconfig", "--server=https://h:1", "--output=k", "--certificates=.", "--token="),
        "--token is empty",
    ),
    "settings of Kafka without Kafka": (
        ("log", "show", "pod", "p", "--from=sqlite:.", f"--kafka-config={os.devnull}"),
        "--kafka-config goes with kafka:",
    ),
    "no certificates": (("serve", "gateway"), "Missing option '--certificates'"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_bad_option_is_named(case: str) -> None:
    arguments, message = BAD_OPTIONS[case]
    assert message in complaint(*arguments)


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host, port = taken.getsockname()
        for option in ("--listen", "--grpc-listen", "--metrics-listen"):
            free = () if option == "--listen" else ("--listen=127.0.0.1:0",)
            said = complaint("up", "--data-dir", tmp_path / "data", option, f"{host}:{port}", *free)
            assert said == f"Error: cannot listen on {host}:{port}: it is in use, or not this machine's\n"


@pytest.mark.parametrize("host", ["203.0.113.1", "nowhere.invalid"])
def test_an_address_that_is_not_ours(tmp_path: Path, host: str) -> None:
    said = complaint("up", "--data-dir", tmp_path, f"--listen={host}:0")
    assert said == f"Error: cannot listen on {host}:0: it is in use, or not this machine's\n"


def test_a_data_directory_that_another_process_uses(tmp_path: Path) -> None:
    with running_suite(tmp_path, *INSTANT):
        said = complaint("up", "--data-dir", tmp_path, "--listen=127.0.0.1:0")
        assert str(tmp_path) in said


def test_a_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert str(file) in complaint("up", "--data-dir", file / "data", "--listen=127.0.0.1:0")
    assert "is a file" in complaint("up", "--data-dir", file, "--listen=127.0.0.1:0")


def test_data_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "workload-store.db").write_bytes(b"something else entirely" * 1000)
    assert "workload-store.db" in complaint("up", "--data-dir", tmp_path, "--listen=127.0.0.1:0")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_told_and_goes_on_with_what_it_had(tmp_path: Path, number: signal.Signals) -> None:
    with running_suite(tmp_path, *QUICK) as suite:
        kubectl = suite.kubectl()
        kubectl.apply(stateful_set(replicas=2))
        kubectl("rollout status sts/web")
        before, claims = uids(kubectl.pods()), kubectl("get nodes,namespaces,services -A -o name")
        with kubectl.stream():
            begun = time.monotonic()
            assert suite.process.stop(number) == 0
            assert time.monotonic() - begun < 2
        assert suite.process.output.endswith("stopping; the data directory keeps everything")
        suite.start()
        assert uids(kubectl.pods()) == before
        assert kubectl("get nodes,namespaces,services -A -o name") == claims
        kubectl("scale sts/web --replicas=3")
        kubectl("rollout status sts/web")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_may_be_told_to_stop_as_soon_as_it_says_something(tmp_path: Path, number: signal.Signals) -> None:
    process = statefleet("up", "--data-dir", tmp_path, "--listen=127.0.0.1:0")
    process.until("Statefleet")
    assert process.stop(number) == 0
    assert "Traceback" not in process.output


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    previous = os.umask(0o022)
    try:
        with running_suite(tmp_path / "data", *INSTANT) as suite:
            assert stat.S_IMODE(suite.kubeconfig.stat().st_mode) == 0o600
            assert stat.S_IMODE(suite.directory.stat().st_mode) == 0o700
            keys = list(suite.directory.glob("certificates/*.key"))
            assert keys
            assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    finally:
        os.umask(previous)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running_suite(tmp_path_factory.mktemp("cli"), *INSTANT) as found:
        yield found


def get(suite: Suite, path: str, **headers: str) -> int:
    """Ask without a certificate and return the code of the answer."""
    trust = ssl.create_default_context(cafile=str(suite.directory / "certificates" / "ca.crt"))
    request = urllib.request.Request(suite.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, context=trust) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_strangers_are_not_served(suite: Suite) -> None:
    assert get(suite, "/api/v1/pods") == 401
    assert get(suite, "/api/v1/pods", Authorization="Bearer made-up") == 401
    assert get(suite, "/healthz") == 200


def test_a_certificate_of_another_authority_is_worth_nothing(suite: Suite, tmp_path: Path) -> None:
    pair = Identities(tmp_path, SystemClock()).user(ADMIN)
    (tmp_path / "forged.crt").write_bytes(pair.certificate)
    (tmp_path / "forged.key").write_bytes(pair.key)
    trust = ssl.create_default_context(cafile=str(suite.directory / "certificates" / "ca.crt"))
    trust.load_cert_chain(tmp_path / "forged.crt", tmp_path / "forged.key")
    with pytest.raises(OSError, match=r"(?i)certificate|authority|ca|closed|reset|eof"):
        urllib.request.urlopen(suite.url + "/api/v1/pods", context=trust)


def test_a_kubeconfig_is_made_for_another_user(suite: Suite, tmp_path: Path) -> None:
    output = tmp_path / "ada"
    result = call(
        "kubeconfig", "--server", suite.url, "--user=ada", "--group=engineers", "--group=system:masters",
        "--certificates", suite.directory / "certificates", "--output", output,
    )  # fmt: skip
    assert result.stdout == f"export KUBECONFIG={output}\n"
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    said = suite.kubectl()(f"--kubeconfig={output} auth whoami")
    assert "ada" in said
    assert "engineers" in said


def test_the_demo_plays_to_its_end() -> None:
    result = call("demo", "--fast")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "kafka-2, kafka-1, kafka-0: each was ready before the next one stopped" in result.stdout
