"""Parts that were handed their own certificates and cannot make others."""

from __future__ import annotations

from pathlib import Path

from support.manifests import stateful_set
from support.parts import PARTS, Parts
from support.processes import statefleet
from support.suite import INSTANT


def test_a_fleet_runs_on_what_was_handed_out(tmp_path: Path) -> None:
    parts = Parts(tmp_path, *INSTANT)
    parts.hand_out(*PARTS)
    try:
        parts.start_all()
        for part in PARTS:
            held = {file.name for file in parts.certificates_of(part).iterdir()} - {".lock"}
            kind = "worker" if part == "workers" else part
            assert held == {"ca.crt", f"{kind}.crt", f"{kind}.key"}
        kubectl = parts.kubectl()
        kubectl.apply(stateful_set())
        kubectl("rollout status sts/web --timeout=30s")
        parts.stop_all()
    finally:
        parts.kill_all()


def test_an_agent_with_a_nodes_certificate_stands_for_that_node_alone(tmp_path: Path) -> None:
    parts = Parts(tmp_path, *INSTANT)
    agents = []
    try:
        for part in PARTS[:-1]:
            parts.start(part)
        parts.write_kubeconfig("gateway")
        out = tmp_path / "node-2"
        where = ("--certificates", parts.certificates, "--out", out)
        assert statefleet("certs", "issue", "node", "node-2", *where).wait() == 0
        peers = [f"--{name}={parts.addresses[name]}" for name in PARTS[:3]]
        own = ("--certificates", out, "--identity=system-node-node-2", "--nodes=1", *INSTANT, *peers)
        agents.append(statefleet("agent", "--first=1", *own))
        agents[0].until("registration failed.*system:node:node-2.*cannot create.*only its own nodes")
        agents.append(statefleet("agent", "--first=2", *own))
        kubectl = parts.kubectl()
        kubectl.apply(stateful_set())
        kubectl("rollout status sts/web --timeout=30s")
        assert kubectl("get nodes -o name") == "node/node-2\n"
        assert {pod["spec"]["nodeName"] for pod in kubectl.pods().values()} == {"node-2"}
    finally:
        for agent in agents:
            agent.kill()
        parts.kill_all()


def test_what_was_not_handed_out_is_asked_for(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.hand_out("workers")
    refused = statefleet("agent", "--certificates", parts.certificates_of("workers"))
    assert refused.wait() == 1
    assert "agent.crt: there is no certificate with its key; issue it with `statefleet certs issue`" in refused.output
    assert "Traceback" not in refused.output
