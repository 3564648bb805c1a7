"""The suite as containers on networks of the test's own: replicas of each service, and those that call them.

A part is on the network of each thing that it talks to, and known under its name on the fleet's alone: a test can cut
one kind of connection and leave the rest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from testcontainers.core.network import Network

from statefleet.app.addresses import Address
from statefleet.app.authority import ADMIN, Identities
from statefleet.app.issuing import Request, hand_out
from statefleet.runtime.clock import SystemClock
from support.claimed import new_network, remove_network
from support.containers import READY_SECONDS, Server, at_once
from support.kafka_servers import Kafka
from support.parts import SERVICES
from support.processes import statefleet
from support.suite import ROOMY
from support.zookeeper_servers import ZooKeeper

PORT = 7300
_PLACES = 10
UNHURRIED = ("--start-delay=0.4", "--ready-delay=0.4", "--stop-delay=0.4")
"""Pods that take more than a second to be replaced, so that an update is still under way when a fault comes."""
_COMMANDS: Mapping[str, Sequence[str]] = {"worker": ("work",), "agent": ("agent",)}


class Part(Server):
    """A part of the suite: on the fleet's network under its name, and on those of what it uses."""

    def __init__(self, image: str, name: str, place: int, network: Network, uses: Sequence[Network]) -> None:
        super().__init__(image, name, place, network, published=PORT, inner=PORT, user=str(os.getuid()))
        self._uses = uses
        self._starts = 0

    def run(self, command: Sequence[str], configuration: Path) -> None:
        """Make the container and start it, on all its networks."""
        self._starts = 1
        self._container.with_command(list(command))
        self.mount(str(configuration), "/etc/statefleet")
        self.launch({})
        for network in self._uses:
            self.join(network)

    def leave(self, network: Network) -> None:
        """Cut it off from what it uses: packets vanish."""
        network._unwrap_network.disconnect(self.container_id)

    def join(self, network: Network) -> None:
        """Let it reach again what it uses."""
        network._unwrap_network.connect(self.container_id)

    def start(self) -> None:
        """Start it again, without waiting until it serves."""
        self._starts += 1
        super().start()

    @property
    def is_ready(self) -> bool:
        """Whether it has said that it is ready, as often as it was started."""
        return sum(line.startswith("ready: ") for line in self.logs.splitlines()) == self._starts


class Deployment:
    """A suite that runs, and the servers that it uses.

    Parts are named `<what>-<number>`: workload-store-0, worker-1, gateway-0, agent-0.
    """

    def __init__(self, directory: Path, image: str, network: Network, kafka: Kafka, zookeeper: ZooKeeper) -> None:
        self.network = network
        self.kafka = kafka
        self.zookeeper = zookeeper
        self.parts: dict[str, Part] = {}
        self.authority = directory / "authority"
        self.kubeconfig = directory / "kubeconfig"
        self._directory = directory
        self._image = image
        self._options: dict[str, Sequence[str]] = {}
        Identities(self.authority, SystemClock()).user(ADMIN)

    def add(self, what: str, count: int, *options: str) -> None:
        """Name parts of a kind, to be started together: services first, and then those that call them."""
        for number in range(count):
            uses = [self.kafka.network] if what in SERVICES else []
            uses += [self.zookeeper.network] if what in (*SERVICES, "worker") else []
            name = f"{what}-{number}"
            self.parts[name] = Part(self._image, name, _PLACES + len(self.parts), self.network, uses)
            self._options[name] = options

    def start(self) -> None:
        """Start every part and wait until each says that it is ready."""
        at_once(
            partial(part.run, self._command(name), self._configuration(name)) for name, part in self.parts.items()
        )
        for name in self.parts:
            self.until_ready(name)
        server = f"https://{self.parts['gateway-0'].address}"
        options = ("--certificates", self.authority, "--output", self.kubeconfig)
        assert statefleet("kubeconfig", "--server", server, *options).wait() == 0

    def replace(self, name: str, image: str) -> None:
        """Have a part stop by itself, and run it from another image in its place, until it is ready."""
        part = self.parts[name]
        part.stop()
        part.remove()
        part.use(image)
        part.run(self._command(name), self._configuration(name))
        self.until_ready(name)

    def until_ready(self, name: str) -> None:
        """Wait until a part has said, since it was last started, that it is ready."""
        part = self.parts[name]
        deadline = time.monotonic() + READY_SECONDS
        while not part.is_ready:
            assert time.monotonic() < deadline, f"{name} is not ready: {part.logs[-3000:]}"
            time.sleep(0.1)

    @property
    def min_insync_replicas(self) -> int:
        """How many brokers must have a record before it is acknowledged: a majority."""
        return (len(self.kafka.servers) + 1) // 2

    def replicas(self, service: str) -> list[str]:
        """The names of a service's replicas."""
        return [name for name in self.parts if name.rpartition("-")[0] == service]

    def addresses(self, service: str) -> list[Address]:
        """Where this machine reaches the replicas of a service."""
        return [Address.parse(self.parts[name].address) for name in self.replicas(service)]

    def remove(self) -> None:
        """Remove every part, and keep what each has said."""
        for name, part in self.parts.items():
            (self._directory / f"{name}.log").write_text(part.logs)
        at_once(part.remove for part in self.parts.values())

    def _command(self, name: str) -> list[str]:
        what = name.rpartition("-")[0]
        command = [*_COMMANDS.get(what, ("serve", what)), "--certificates=/etc/statefleet/certificates"]
        if what in SERVICES:
            command += [f"--listen=0.0.0.0:{PORT}", f"--advertise={name}:{PORT}"]
            command += [f"--kafka={self.kafka.inside}", "--kafka-config=/etc/statefleet/kafka.yaml"]
        else:
            command += self._peers()
        if what in (*SERVICES, "worker"):
            command += [f"--zookeeper={self.zookeeper.inside}"]
        if what == "gateway":
            command += [f"--listen=0.0.0.0:{PORT}"]
        return [*command, "--log-level=info", *self._options[name]]

    def _peers(self) -> list[str]:
        return [f"--{s}={','.join(f'{name}:{PORT}' for name in self.replicas(s))}" for s in SERVICES]

    def _configuration(self, name: str) -> Path:
        """Return a directory with what a part is told: settings, and the certificate that it was handed."""
        own = self._directory / name
        request = Request(name.rpartition("-")[0], hosts=(name, "localhost", "127.0.0.1"))
        hand_out(self.authority, request, own / "certificates")
        settings = f"replication_factor: {len(self.kafka.servers)}\nmin_insync_replicas: {self.min_insync_replicas}\n"
        (own / "kafka.yaml").write_text(settings)
        return own


@contextmanager
def running_deployment(
    directory: Path, image: str, kafka: Kafka, zookeeper: ZooKeeper, *, replicas: int = 3, nodes: int = 6
) -> Iterator[Deployment]:
    """Run the suite for as long as the block lasts."""
    network = new_network()
    deployment = Deployment(directory, image, network, kafka, zookeeper)
    for service in SERVICES:
        deployment.add(service, replicas)
    deployment.add("gateway", 2)
    deployment.add("worker", 2)
    deployment.add("agent", 1, f"--nodes={nodes}", *UNHURRIED, *ROOMY)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.remove()
        remove_network(network)
