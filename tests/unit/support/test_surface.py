"""The surface that is written down, the tests that show it, and what the README says is not served."""

from __future__ import annotations

from statefleet.gateway import unserved
from support.surface import marked, surface, texts


def test_everything_is_shown_by_a_test() -> None:
    shown = {name for name, _ in marked()}
    assert sorted(set(surface().shown) - shown) == []


def test_tests_show_what_is_written_down() -> None:
    known = surface().shown
    assert sorted((name, path.name) for name, path in marked() if name not in known) == []


def test_each_row_stands_in_a_module_that_is_marked() -> None:
    there: dict[str, set[str]] = {}
    for name, path in marked():
        there.setdefault(name, set()).update(texts(path))
    rows = surface().rows
    assert sorted((name, row) for name in rows for row in rows[name] if row not in there.get(name, ())) == []


def test_what_is_not_served_has_its_reason() -> None:
    reasons = {*unserved.APIS, *(f"{plural}/{name}" for plural, name in unserved.SUBRESOURCES)}
    assert sorted((name, line) for name, line in surface().unserved.items() if line not in reasons) == []
