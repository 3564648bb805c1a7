"""Every part of the suite in a process of its own, as in production: services, gateway, workers, agent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from support.kubectl import Kubectl
from support.processes import Process, statefleet

SERVICES = ("workload-store", "revision-history", "node-registry")
PARTS = (*SERVICES, "gateway", "workers", "agent")


class PartProcesses(ABC):
    """The suite's parts by name, those that are called before those that call."""

    def __init__(self, directory: Path, names: Sequence[str]) -> None:
        self.directory = directory
        self.certificates = directory / "certificates"
        self.kubeconfig = directory / "kubeconfig"
        self.names = names
        self.addresses: dict[str, str] = {}
        self.processes: dict[str, Process] = {}

    @abstractmethod
    def start_all(self) -> None:
        """Start every part, and make the administrator's kubeconfig."""

    @abstractmethod
    def _command(self, name: str) -> list[object]:
        """Return the arguments that make `statefleet` a part."""

    def launch(self, name: str) -> None:
        """Start a part."""
        self.processes[name] = statefleet(*self._command(name))

    def start(self, name: str) -> None:
        """Start a part and wait until it says that it is ready; a second time at the same address."""
        self.launch(name)
        self.until_ready(name)

    def until_ready(self, name: str) -> None:
        """Wait until a part says that it is ready, and note its address if it has one."""
        address = self.processes[name].until(r"^ready: \S+(?: at (?:https://)?(\S+))?")[1]
        if address is not None:
            self.addresses[name] = address

    def kill(self, name: str) -> None:
        """End a part as a crash does."""
        self.processes[name].kill()

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

    def write_kubeconfig(self, gateway: str) -> None:
        """Make the administrator's kubeconfig for a gateway."""
        server = f"https://{self.addresses[gateway]}"
        where = ("--certificates", self.certificates, "--output", self.kubeconfig)
        assert statefleet("kubeconfig", "--server", server, *where).wait() == 0

    def kubectl(self) -> Kubectl:
        """Return kubectl as the fleet's administrator."""
        return Kubectl(self.kubeconfig)


class Parts(PartProcesses):
    """One process of each part."""

    def __init__(self, directory: Path, *agent_options: str) -> None:
        super().__init__(directory, PARTS)
        self._agent_options = agent_options

    def certificates_of(self, part: str) -> Path:
        """Where a part finds its certificates: where they are made, or where it was handed its own."""
        handed_out = self.directory / "handed-out" / part
        return handed_out if handed_out.exists() else self.certificates

    def hand_out(self, *parts: str) -> None:
        """Give parts their certificates and nothing to make others with."""
        for part in parts:
            kind = "worker" if part == "workers" else part
            out = self.directory / "handed-out" / part
            where = ("--certificates", self.certificates, "--out", out)
            issued = statefleet("certs", "issue", kind, "--host=127.0.0.1", "--host=localhost", *where)
            assert issued.wait() == 0, issued.output

    def metrics_of(self, part: str) -> str:
        """Return where a part that was told to serve metrics does so."""
        return self.processes[part].until(r"metrics: (http://\S+)")[1]

    def start_all(self) -> None:
        """Start one part after the other, as each is told where those before it are."""
        for part in self.names:
            self.start(part)
        self.write_kubeconfig("gateway")

    def _command(self, name: str) -> list[object]:
        certificates: list[object] = ["--certificates", self.certificates_of(name)]
        listen: list[object] = ["--listen", self.addresses.get(name, "127.0.0.1:0")]
        peers: list[object] = [f"--{service}={self.addresses.get(service)}" for service in SERVICES]
        if name in SERVICES:
            return ["serve", name, *listen, "--data-dir", self.directory / name, *certificates]
        if name == "gateway":
            return ["serve", name, *listen, *peers, *certificates]
        if name == "workers":
            return ["work", *peers, *certificates]
        return ["agent", "--nodes=3", *self._agent_options, *peers, *certificates]


P = TypeVar("P", bound=PartProcesses)


@contextmanager
def running(parts: P) -> Iterator[P]:
    """Run every part for as long as the block lasts."""
    try:
        parts.start_all()
        yield parts
        parts.stop_all()
    finally:
        parts.kill_all()


@contextmanager
def running_parts(directory: Path, *agent_options: str) -> Iterator[Parts]:
    """Run one process of each part for as long as the block lasts."""
    with running(Parts(directory, *agent_options)) as parts:
        yield parts
