"""The whole suite as a user runs it: `statefleet up` in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.kubectl import Kubectl
from support.processes import Process, statefleet

QUICK = ("--start-delay=0.05", "--ready-delay=0.05", "--stop-delay=0.05")
"""Pods that take a moment, so that what they go through is seen."""
INSTANT = ("--start-delay=0", "--ready-delay=0", "--stop-delay=0")
ROOMY = ("--node-cpu=32", "--node-memory=256Gi")


class Suite:
    """A data directory, and the process that serves it as long as there is one."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.kubeconfig = directory / "kubeconfig"
        self._options = options
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        assert self._process is not None
        return self._process

    @property
    def url(self) -> str:
        return self.process.until(r"Kubernetes API +(https://\S+)")[1]

    @property
    def grpc_address(self) -> str:
        return self.process.until(r"gRPC +([^ ,]+), mutual TLS")[1]

    def start(self) -> None:
        """Start it, on free ports, and return when it is ready."""
        self.launch()
        self.process.until(r"ready in \d+\.\d s")

    def launch(self) -> None:
        """Start it and do not wait."""
        command = ("up", "--data-dir", self.directory, "--listen=127.0.0.1:0", *self._options)
        self._process = statefleet(*command)

    def stop(self) -> None:
        """Have it end by itself, as it should, with nothing that had to be logged as an error."""
        assert self.process.stop() == 0, self.process.output
        assert not re.search(r"Traceback|\[(error|critical) *\]", self.process.output), self.process.output

    def kubectl(self, namespace: str = "default") -> Kubectl:
        """Return kubectl for it, in a namespace."""
        return Kubectl(self.kubeconfig, namespace)


@contextmanager
def running_suite(directory: Path, *options: str) -> Iterator[Suite]:
    """Run a suite for as long as the block lasts."""
    suite = Suite(directory, *options)
    try:
        suite.start()
        yield suite
        suite.stop()
    finally:
        if suite.process.running:
            suite.process.kill()
