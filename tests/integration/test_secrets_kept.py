"""A Secret's value is nowhere but where it belongs: not in files, nor in logs, nor in metrics."""

from __future__ import annotations

import base64
import secrets
import subprocess
import urllib.request
from pathlib import Path

from support.kubectl import Kubectl, document
from support.processes import STATEFLEET
from support.suite import INSTANT, Suite, running_suite


def forms(value: str) -> list[bytes]:
    """Return what a value may look like: as it is, and in base64 wherever in a longer text it begins."""
    raw = value.encode()
    encoded = [base64.b64encode(b"x" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)]
    return [raw, *encoded]


def found_in(directory: Path, value: str) -> list[str]:
    return [
        str(path)
        for path in directory.rglob("*")
        if path.is_file()
        for form in forms(value)
        if form in path.read_bytes()
    ]


def write_secrets(kubectl: Kubectl, value: str) -> None:
    """Have a value pass through every verb that takes one, those that refuse it too."""
    kubectl(f"create secret generic one --from-literal=password={value}")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "two"},
        "data": {"password": base64.b64encode(value.encode()).decode()},
    }
    kubectl.apply(secret)
    kubectl.apply({**secret, "stringData": {"more": value}})
    kubectl("apply --server-side --force-conflicts -f -", stdin=document(secret))
    kubectl.patch("secret one", {"stringData": {"other": value}})
    kubectl.fails("create -f -", stdin=document({**secret, "metadata": {"name": "Not_A_Name"}}))
    kubectl.fails("create --validate=false -f -", stdin=document({**secret, "data": {"password": "%" + value}}))


def read(kubectl: Kubectl, name: str) -> str:
    return base64.b64decode(kubectl(f"get secret {name} -o jsonpath={{.data.password}}").strip()).decode()


def test_a_secret_is_found_in_no_file_no_log_and_no_metric(tmp_path: Path) -> None:
    value = f"pa55-{secrets.token_hex(12)}"
    data = tmp_path / "data"
    with running_suite(data, *INSTANT, "--log-level=debug", "--metrics-listen=127.0.0.1:0") as suite:
        write_secrets(suite.kubectl(), value)
        assert read(suite.kubectl(), "two") == value
        metrics = urllib.request.urlopen(suite.process.until(r"metrics +(http://\S+)")[1]).read()
        shown = metrics + suite.kubectl()("get --raw /metrics").encode()
        assert found_in(data, value) == []
        assert (data / "workload-store.db-wal").stat().st_size > 0
        output = suite.process.output.encode()
    for form in forms(value):
        assert form not in shown
        assert form not in output
    assert b"grpc" in shown
    assert b"/statefleet.api.workloads.v1.WorkloadStore/Create" in output
    assert found_in(data, value) == []


def test_the_key_is_changed_and_what_was_written_stays_readable(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = data / "certificates" / "encryption.keys"
    with running_suite(data, *INSTANT) as suite:
        suite.kubectl()("create secret generic one --from-literal=password=first")
    assert keys.stat().st_mode & 0o077 == 0

    def run(*arguments: object) -> str:
        done = subprocess.run([STATEFLEET, "keys", *map(str, arguments)], capture_output=True, text=True, check=True)
        return done.stdout

    run("add", keys, "k2")
    run("use", keys, "k2")
    assert run("list", keys).splitlines() == ["k2  seals and opens", "k1  opens only"]
    with running_suite(data, *INSTANT) as suite:
        suite.kubectl()("create secret generic two --from-literal=password=second")
        assert [read(suite.kubectl(), name) for name in ("one", "two")] == ["first", "second"]
    keys.write_text("".join(line for line in keys.read_text().splitlines(True) if not line.startswith("k1")))
    suite = Suite(data, *INSTANT)
    suite.launch()
    assert suite.process.wait() != 0
    assert 'was sealed with the key "k1", which is not among the encryption keys' in suite.process.output
    assert "Traceback" not in suite.process.output
