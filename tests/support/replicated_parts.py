"""The suite as processes of this machine that share Kafka and ZooKeeper: every service, and its callers."""

from __future__ import annotations

import socket
from pathlib import Path

from support.parts import SERVICES, PartProcesses


def free_address() -> str:
    """Return an address of this machine at which nobody listens now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


class ReplicatedParts(PartProcesses):
    """Any number of processes of each part, known as `<what>-<number>`."""

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
        counts = {**dict.fromkeys(SERVICES, replicas), "gateway": gateways, "worker": workers, "agent": agents}
        super().__init__(directory, [f"{part}-{number}" for part, count in counts.items() for number in range(count)])
        self.addresses = {name: free_address() for name in self.names if name.startswith((*SERVICES, "gateway"))}
        self._nodes = nodes
        self._agent_options = agent_options
        config = directory / "kafka.yaml"
        config.write_text(f"replication_factor: {brokers}\nmin_insync_replicas: {max(1, brokers - 1)}\n")
        self._zookeeper = [f"--zookeeper={zookeeper}"]
        self._shared = [f"--kafka={kafka}", f"--kafka-config={config}", *self._zookeeper]

    def replicas(self, service: str) -> list[str]:
        """The names of a service's replicas."""
        return [name for name in self.names if name.startswith(service)]

    def start_all(self) -> None:
        """Start every part at once."""
        for name in self.names:
            self.launch(name)
        for name in self.names:
            self.until_ready(name)
        self.write_kubeconfig("gateway-0")

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
