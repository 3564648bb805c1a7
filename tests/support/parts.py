"""Every part of the suite in a process of its own, as in production: services, gateway, workers, agent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.kubectl import Kubectl
from support.processes import Process, statefleet

SERVICES = ("workload-store", "revision-history", "node-registry")
PARTS = (*SERVICES, "gateway", "workers", "agent")


class Parts:
    """The processes, each of which can be killed and started again where it was."""

    def __init__(self, directory: Path, *agent_options: str) -> None:
        self.directory = directory
        self.certificates = directory / "certificates"
        self.kubeconfig = directory / "kubeconfig"
        self.addresses: dict[str, str] = {}
        self._agent_options = agent_options
        self._processes: dict[str, Process] = {}

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

    def start(self, part: str) -> None:
        """Start a part and wait until it says that it is ready; a second time at the same address."""
        process = self._processes[part] = statefleet(*self._command(part))
        found = process.until(rf"ready: {'agent of' if part == 'agent' else part}(?: at (?:https://)?(\S+))?")
        self.addresses[part] = found[1]

    def metrics_of(self, part: str) -> str:
        """Return where a part that was told to serve metrics does so."""
        return self._processes[part].until(r"metrics: (http://\S+)")[1]

    def kill(self, part: str) -> None:
        """End a part as a crash does."""
        self._processes[part].kill()

    def start_all(self) -> None:
        for part in PARTS:
            self.start(part)
        server = f"https://{self.addresses['gateway']}"
        config = ("--certificates", self.certificates, "--output", self.kubeconfig)
        assert statefleet("kubeconfig", "--server", server, *config).wait() == 0

    def stop_all(self) -> None:
        """Have every part end by itself, those that call before those that are called."""
        for part in reversed(PARTS):
            process = self._processes[part]
            assert process.stop() == 0, process.output
            assert "Traceback" not in process.output, process.output

    def kill_all(self) -> None:
        for process in self._processes.values():
            if process.running:
                process.kill()

    def kubectl(self) -> Kubectl:
        return Kubectl(self.kubeconfig)

    def _command(self, part: str) -> list[object]:
        certificates: list[object] = ["--certificates", self.certificates_of(part)]
        listen: list[object] = ["--listen", self.addresses.get(part, "127.0.0.1:0")]
        peers: list[object] = [f"--{name}={self.addresses.get(name)}" for name in SERVICES]
        if part in SERVICES:
            return ["serve", part, *listen, "--data-dir", self.directory / part, *certificates]
        if part == "gateway":
            return ["serve", part, *listen, *peers, *certificates]
        if part == "workers":
            return ["work", *peers, *certificates]
        return ["agent", "--nodes=3", *self._agent_options, *peers, *certificates]


@contextmanager
def running_parts(directory: Path, *agent_options: str) -> Iterator[Parts]:
    """Run every part for as long as the block lasts."""
    parts = Parts(directory, *agent_options)
    try:
        parts.start_all()
        yield parts
        parts.stop_all()
    finally:
        parts.kill_all()
