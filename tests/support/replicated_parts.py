"""The suite as processes of this machine that share Kafka and ZooKeeper: every service, and its callers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.kubectl import Kubectl
from support.parts import SERVICES
from support.processes import Process, statefleet


def free_address() -> str:
    """Return an address of this machine at which nobody listens now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


class ReplicatedParts:
    """The processes, each known as `<what>-<number>`: it can be ended, stopped short, and started again."""

    def __init__(
        self,
        directory: Path,
        *,
        kafka: str,
        zookeeper: str,
        replicas: int = 1,
        workers: int = 1,
        gateways: int = 1,
        agents: int = 1,
        nodes: int = 3,
        brokers: int = 1,
        agent_options: tuple[str, ...] = (),
    ) -> None:
        self.directory = directory
        self.certificates = directory / "certificates"
        self.kubeconfig = directory / "kubeconfig"
        self.processes: dict[str, Process] = {}
        services = [f"{service}-{number}" for service in SERVICES for number in range(replicas)]
        self.addresses = {name: free_address() for name in services}
        callers = [f"gateway-{number}" for number in range(gateways)]
        self.addresses |= {name: free_address() for name in callers}
        self.names = [*services, *callers]
        self.names += [f"worker-{number}" for number in range(workers)]
        self.names += [f"agent-{number}" for number in range(agents)]
        self._nodes = nodes
        self._agent_options = agent_options
        config = directory / "kafka.yaml"
        config.write_text(f"replication_factor: {brokers}\nmin_insync_replicas: {max(1, brokers - 1)}\n")
        self._zookeeper = [f"--zookeeper={zookeeper}"]
        self._shared = [f"--kafka={kafka}", f"--kafka-config={config}", *self._zookeeper]

    def replicas(self, service: str) -> list[str]:
        """The names of a service's replicas."""
        return [name for name in self.names if name.startswith(service)]

    def launch(self, name: str) -> Process:
        """Start a part."""
        process = self.processes[name] = statefleet(*self._command(name))
        return process

    def start(self, name: str) -> Process:
        """Start a part and wait until it says that it is ready."""
        process = self.launch(name)
        process.until("^ready: ")
        return process

    def start_all(self) -> None:
        """Start every part, those of a kind at once."""
        for name in self.names:
            self.launch(name)
        for process in self.processes.values():
            process.until("^ready: ")
        config = ("--certificates", self.certificates, "--output", self.kubeconfig)
        assert statefleet("kubeconfig", "--server", f"https://{self.addresses['gateway-0']}", *config).wait() == 0

    def stop_all(self) -> None:
        """Have every part end by itself, those that call before those that are called."""
        for name in reversed(self.names):
            process = self.processes[name]
            assert process.stop() == 0, process.output
            assert "Traceback" not in process.output, process.output

    def kill_all(self) -> None:
        """End what still runs, as a crash does."""
        for process in self.processes.values():
            if process.running:
                process.kill()

    def kubectl(self) -> Kubectl:
        """Return kubectl as the fleet's administrator."""
        return Kubectl(self.kubeconfig)

    def _command(self, name: str) -> list[object]:
        part, _, number = name.rpartition("-")
        certificates = f"--certificates={self.certificates}"
        if part in SERVICES:
            return ["serve", part, f"--listen={self.addresses[name]}", *self._shared, certificates]
        peers = [f"--{s}={','.join(self.addresses[each] for each in self.replicas(s))}" for s in SERVICES]
        if part == "gateway":
            return ["serve", part, f"--listen={self.addresses[name]}", *peers, certificates]
        if part == "worker":
            return ["work", *peers, *self._zookeeper, certificates]
        first = f"--first={1 + int(number) * self._nodes}"
        return ["agent", f"--nodes={self._nodes}", first, *self._agent_options, *peers, certificates]


@contextmanager
def running(parts: ReplicatedParts) -> Iterator[ReplicatedParts]:
    """Run every part for as long as the block lasts."""
    try:
        parts.start_all()
        yield parts
        parts.stop_all()
    finally:
        parts.kill_all()
