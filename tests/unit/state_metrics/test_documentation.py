"""What is written about metrics speaks of those that there are. UPDATE_GOLDEN=1 writes the table of objects anew."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import Metric

from statefleet.app.metrics import store_metrics
from statefleet.app.peers import SERVICES
from statefleet.reconcile.metrics import QueueCollector
from statefleet.runtime.metrics import Metrics
from statefleet.state_metrics.exposition import TABLES, StateExposition
from statefleet.state_metrics.rollouts import ROLLOUTS
from support.prometheus_text import families, problems, promtool

PROMETHEUS = Path(__file__).parents[3] / "deploy" / "prometheus"
_LABELS = re.compile(r"\{.*?\}|by \(.*?\)")
DASHBOARDS = PROMETHEUS.parent / "grafana" / "dashboards"
_OBJECTS = re.compile(r"(?<=-->\n)(?:\|.*\n)*(?=<!-- end of objects -->)")
_NAME = re.compile(r"\b(?:kube|statefleet|workqueue|apiserver|grpc)_[a-z_]+")
_PART = re.compile(r"_(?:bucket|count|sum)$")


def told() -> set[str]:
    """The names that METRICS.md has a row for."""
    rows = [line for line in (PROMETHEUS / "METRICS.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    return {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}


def rows(found: dict[str, Metric]) -> Iterator[str]:
    for family in found.values():
        labels = list(dict.fromkeys(label for sample in family.samples for label in sample.labels))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield f"| `{name}` | {family.type} | {', '.join(labels)} | {family.documentation} |\n"


def test_every_object_metric_is_written_about(exposition: StateExposition) -> None:
    found = families(exposition.text().decode())
    table = "".join(("| metric | type | labels | what it tells |\n", "| --- | --- | --- | --- |\n", *rows(found)))
    path = PROMETHEUS / "METRICS.md"
    text = path.read_text(encoding="utf-8")
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(_OBJECTS.sub(lambda _: table, text), encoding="utf-8")
        text = path.read_text(encoding="utf-8")
    match = _OBJECTS.search(text)
    assert match is not None
    assert match[0] == table


def test_the_small_fleet_has_a_sample_of_nearly_every_family(exposition: StateExposition) -> None:
    """Else the table of objects would lack a row."""
    named = {family.name for table in (*TABLES.values(), ROLLOUTS) for family in table.families}
    shown = re.findall(r"^# TYPE (\S+)", exposition.text().decode(), flags=re.MULTILINE)
    assert named == set(shown)


def test_every_metric_of_stores_and_queues_is_written_about() -> None:
    metrics = Metrics()
    store_metrics(metrics, SERVICES)
    metrics.registry.register(QueueCollector([]))
    page = metrics.exposition().decode()
    assert problems(page) == []
    assert {row.split("`")[1] for row in rows(families(page))} <= told()


@pytest.mark.parametrize("name", sorted(file.name for file in PROMETHEUS.glob("*.yml")))
def test_the_configuration_names_metrics_that_there_are(name: str) -> None:
    text = (PROMETHEUS / name).read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    used = set(_NAME.findall("\n".join(line for line in text.splitlines() if "regex:" not in line)))
    assert {_PART.sub("", each) for each in used} <= told()


def test_prometheus_takes_the_configuration() -> None:
    assert promtool("check", "config", str(PROMETHEUS / "prometheus.yml")) == []
    assert promtool("check", "config", str(PROMETHEUS / "fleet.yml")) == []
    assert promtool("check", "rules", str(PROMETHEUS / "rules.yml")) == []
    assert promtool("test", "rules", str(PROMETHEUS / "rules_test.yml")) == []


@pytest.mark.parametrize("file", sorted(DASHBOARDS.glob("*.json")), ids=lambda file: str(file.stem))
def test_a_dashboard_shows_metrics_that_there_are(file: Path) -> None:
    panels = json.loads(file.read_text(encoding="utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    used = [set(_NAME.findall(_LABELS.sub("", expression))) for expression in expressions]
    assert all(used)
    assert {_PART.sub("", name) for names in used for name in names} <= told()


def test_an_alert_that_is_held_back_is_one_that_there_is() -> None:
    rules = yaml.safe_load((PROMETHEUS / "rules.yml").read_text(encoding="utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    config = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8"))
    sources = [matcher for rule in config["inhibit_rules"] for matcher in rule["source_matchers"]]
    assert {source.split(" = ")[1] for source in sources} <= alerts
