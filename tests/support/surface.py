"""What clients may rely on (`tests/surface`), and which tests are marked to show it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]
CATALOGUE = TESTS / "surface"


class Surface(NamedTuple):
    """The catalogue."""

    shown: dict[str, str]
    """Statements by name."""
    unserved: dict[str, str]
    """What the README's list of what is not served calls it, by name."""
    rows: dict[str, list[str]]
    """The rows that show a statement, by name, where a whole table of a parametrised test is marked with several."""


def surface() -> Surface:
    """Read the catalogue. ValueError where a name is there twice."""
    whole = Surface({}, {}, {})
    for path in sorted(CATALOGUE.glob("*.toml")):
        read = tomllib.loads(path.read_text())
        whole.rows.update(read.pop("rows", {}))
        for part, lines in (("shown", whole.shown), ("unserved", whole.unserved)):
            for name, line in read.pop(part, {}).items():
                if name in whole.shown or name in whole.unserved:
                    raise ValueError(f"{path.name}: {name}: there already")
                lines[name] = line
        if read:
            raise ValueError(f"{path.name}: {', '.join(read)}: not a part of the catalogue")
    return whole


def marked() -> Iterator[tuple[str, Path]]:
    """Yield each name that a test is marked with, and the test's module."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.surface":
                for argument in node.args:
                    yield ast.literal_eval(argument), path


@cache
def texts(path: Path) -> set[str]:
    """Return the texts that stand in a module, such as the names of a table's rows."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
