"""A real Prometheus with the configuration that the project ships, hurried."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from support.claimed import free_port
from support.debian import program
from support.processes import Process, ended

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
_INTERVAL, _WINDOW, _PATIENCE = "1s", "5s", "1s"
_RANGE = re.compile(r"\[\d+[smh]\]")

Rules = dict[str, Any]
Alerts = dict[str, set[str]]
"""The names of alerts by the namespace that they speak of."""


class Alerting:
    """What a running Prometheus says."""

    def __init__(self, url: str) -> None:
        self._url = url

    def firing(self) -> Alerts:
        """Return the alerts that fire for a namespace."""
        found: Alerts = {}
        for labels in self._firing():
            if "namespace" in labels:
                found.setdefault(labels["namespace"], set()).add(labels["alertname"])
        return found

    def sets_of(self, name: str) -> set[tuple[str, str]]:
        """Return namespace and name of each StatefulSet for which an alert fires."""
        found = [labels for labels in self._firing() if labels["alertname"] == name]
        return {(labels["namespace"], labels["statefulset"]) for labels in found}

    def ever(self, namespace: str) -> set[str]:
        """Return the alerts that have been pending or firing for a namespace since the start."""
        query = urllib.parse.quote(f'count by (alertname) (count_over_time(ALERTS{{namespace="{namespace}"}}[1h]))')
        return {each["metric"]["alertname"] for each in self._get(f"query?query={query}")["result"]}

    def _firing(self) -> list[dict[str, str]]:
        return [each["labels"] for each in self._get("alerts")["alerts"] if each["state"] == "firing"]

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}") as answer:
            return json.load(answer)["data"]


@contextmanager
def alerting(directory: Path, metrics_url: str, *more: Rules) -> Iterator[Alerting]:
    """Have Prometheus scrape and raise alerts as `prometheus.yml` says, for as long as the block lasts.

    Only addresses and times differ: it scrapes and evaluates each second, and rules look back and wait for seconds.
    Nobody is notified. `more` are rules beside those of the project.
    """
    directory.mkdir()
    configuration = directory / "prometheus.yml"
    configuration.write_text(yaml.safe_dump(_configured(directory, metrics_url, more)))
    address = f"127.0.0.1:{free_port()}"
    process = Process(
        [
            str(program("prometheus", "prometheus")),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={address}",
        ]
    )
    with ended(process):
        process.until("Server is ready to receive web requests")
        yield Alerting(f"http://{address}")


def rule_of(name: str) -> Rules:
    """Return an alert of the project's rules."""
    (found,) = (
        rule
        for file in _rule_files(_read(PROMETHEUS / "prometheus.yml"))
        for group in _read(file)["groups"]
        for rule in group["rules"]
        if rule["alert"] == name
    )
    return dict(found)


def _configured(directory: Path, metrics_url: str, more: tuple[Rules, ...]) -> Rules:
    configuration = _read(PROMETHEUS / "prometheus.yml")
    configuration["global"] = {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL}
    groups = [group for file in _rule_files(configuration) for group in _read(file)["groups"]]
    groups.append({"name": "more", "rules": list(more)})
    rules = directory / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [_hurried(group) for group in groups]}))
    configuration["rule_files"] = [str(rules)]
    del configuration["alerting"]
    for job in configuration["scrape_configs"]:
        job["static_configs"] = [{"targets": [urllib.parse.urlsplit(metrics_url).netloc]}]
    return configuration


def _rule_files(configuration: Rules) -> list[Path]:
    return [PROMETHEUS / name for name in configuration["rule_files"]]


def _hurried(group: Rules) -> Rules:
    rules = [
        {**rule, "expr": _RANGE.sub(f"[{_WINDOW}]", rule["expr"]), **({"for": _PATIENCE} if "for" in rule else {})}
        for rule in group["rules"]
    ]
    return {**group, "rules": rules}


def _read(path: Path) -> Rules:
    read: Rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read
