"""`statefleet health` tells a part that is well from one that is not, and says why."""

from __future__ import annotations

from pathlib import Path

from support.parts import running_parts
from support.processes import ended, statefleet, until


def test_a_process_is_well_until_it_is_gone(tmp_path: Path) -> None:
    options = ("--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", "--data-dir", tmp_path / "data")
    certificates = ("--certificates", tmp_path / "certificates")
    shown = (*certificates, "--identity=workload-store")
    service = statefleet("serve", "workload-store", *options, *certificates)
    with ended(service):
        address = service.until(r"ready: workload-store at (\S+)")[1]
        metrics = service.until(r"metrics: (http://\S+)")[1]

        assert _ask(f"grpcs://{address}", *shown) == (0, "well")
        assert _ask(metrics) == (0, "well")

    for url in (f"grpcs://{address}", metrics):
        code, said = _ask(url, *shown)
        assert code == 1
        assert said.startswith(f"Error: {url}: does not answer: ")


def test_a_gateway_is_well_while_it_reaches_every_service(tmp_path: Path) -> None:
    with running_parts(tmp_path) as parts:
        url = f"https://{parts.addresses['gateway']}"
        shown = ("--certificates", parts.certificates, "--identity=gateway")
        until(lambda: _ask(url, *shown) == (0, "well"), "a gateway that is well")

        parts.kill("node-registry")

        until(lambda: _ask(url, *shown) == (1, f"Error: {url}: not ready"), "a gateway that is not")
        parts.start("node-registry")


def test_what_cannot_be_asked_is_said() -> None:
    assert "is not grpcs://HOST:PORT" in _ask("localhost")[1]
    assert "grpcs needs --certificates" in _ask("grpcs://localhost:1")[1]
    assert "cannot read nowhere/ca.crt" in _ask("grpcs://localhost:1", "--certificates=nowhere")[1]


def _ask(*arguments: object) -> tuple[int, str]:
    asked = statefleet("health", *arguments)
    return asked.wait(), asked.output
