"""Prometheus' Kubernetes service discovery, as a program that is not ours does it."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from support.debian import program
from support.processes import Process, until

ROLES = ("node", "pod", "service", "endpoints", "endpointslice")
"""What targets are made from; each role is a job."""


class Discovery:
    """The targets that a running scraper has found."""

    def __init__(self, url: str) -> None:
        self._url = url

    def targets(self, role: str) -> list[dict[str, str]]:
        """Return the labels of a role's targets; none before the scraper answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/targets?state=active", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.URLError:
            return []
        return [one["discoveredLabels"] for one in found["data"]["activeTargets"] if one["scrapePool"] == role]

    def values(self, role: str, label: str) -> set[str]:
        """Return the values that a label has in a role's targets; `label` without its prefix."""
        return {labels.get(f"__meta_kubernetes_{label}", "") for labels in self.targets(role)}

    def until(self, role: str, label: str, values: set[str]) -> None:
        """Wait until a label of a role's targets has these values, and no others."""
        until(lambda: self.values(role, label) == values, f"{role}: {label} of {values}")


@contextmanager
def discovering(kubeconfig: Path, directory: Path, namespace: str) -> Iterator[Discovery]:
    """Have a scraper discover the nodes, and what there is in a namespace, for as long as the block lasts.

    It is VictoriaMetrics', which reads Prometheus' configuration: Debian builds Prometheus itself without Kubernetes.
    """
    configuration = directory / "scrape.yaml"
    configuration.write_text(
        yaml.safe_dump({"scrape_configs": [_job(role, kubeconfig, namespace) for role in ROLES]})
    )
    address = f"127.0.0.1:{_free_port()}"
    process = Process(
        [
            str(program("victoria-metrics", "victoria-metrics")),
            f"-promscrape.config={configuration}",
            f"-storageDataPath={directory / 'data'}",
            f"-httpListenAddr={address}",
            "-promscrape.kubernetesSDCheckInterval=1s",
            "-promscrape.suppressDuplicateScrapeTargetErrors",
        ]
    )
    try:
        yield Discovery(f"http://{address}")
    finally:
        process.kill()


def _job(role: str, kubeconfig: Path, namespace: str) -> dict[str, Any]:
    source: dict[str, Any] = {"role": role, "kubeconfig_file": str(kubeconfig)}
    if role != "node":
        source["namespaces"] = {"names": [namespace]}
    return {"job_name": role, "scrape_interval": "1h", "kubernetes_sd_configs": [source]}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
