"""What Prometheus asks of a page of metrics: its own checker's rules, as far as they concern us."""

from __future__ import annotations

import re
import subprocess

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from support.debian import program

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_UNITS = ("_ms", "_millis", "_milliseconds", "_us", "_ns", "_minutes", "_hours", "_kb", "_kib", "_mb", "_percent")
_RESERVED = ("_total", "_count", "_sum", "_bucket")
_TYPES = ("gauge", "counter", "histogram", "summary")


def families(text: str) -> dict[str, Metric]:
    """Read a page. Each family must come once and in one piece, each series once."""
    found: dict[str, Metric] = {}
    for family in text_string_to_metric_families(text):
        assert family.name not in found, f"{family.name} comes twice"
        found[family.name] = family
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(series) == len(set(series)), f"{family.name} has a series twice"
    return found


def problems(text: str) -> list[str]:
    """Return what is wrong with a page's names, helps and types, by our own rules and by Prometheus' checker."""
    found = [problem for family in families(text).values() for problem in _problems_of(family)]
    return found + promtool("check", "metrics", page=text)


def promtool(*arguments: str, page: str = "") -> list[str]:
    """Return the complaints of the checker that comes with Prometheus."""
    command = [str(program("prometheus", "promtool")), *arguments]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=False)
    complaints = (done.stdout + done.stderr).splitlines()
    return complaints if done.returncode or arguments == ("check", "metrics") else []


def _problems_of(family: Metric) -> list[str]:
    name = family.name
    rules = {
        "its name has other letters than it may": _NAME.fullmatch(name),
        "it has no help": family.documentation,
        "its type is unknown": family.type in _TYPES,
        "its name has a unit that is no base unit": not name.endswith(_UNITS),
        "its name ends as parts of other types do": not name.endswith(_RESERVED),
        "its name says its type": not set(name.split("_")) & set(_TYPES),
        "a counter's samples do not end in _total": family.type != "counter"
        or all(sample.name.endswith("_total") for sample in family.samples),
        "a label's name has other letters than it may": all(
            _NAME.fullmatch(label) for sample in family.samples for label in sample.labels
        ),
    }
    return [f"{name}: {problem}" for problem, holds in rules.items() if not holds]
