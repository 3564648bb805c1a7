"""The README says what is served, and only that."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from statefleet.gateway import discovery, served, unserved, versions
from statefleet.objects.kinds import KINDS

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_is_not_stale():
    page = README.read_text(encoding="utf-8")
    assert served.written(page) == page, "run: python -m statefleet.gateway.served --write README.md"


def test_every_kind_has_a_line_with_its_versions_and_subresources():
    lines = {line.split()[1]: line for line in served.text().splitlines() if line.startswith("| ")}
    assert set(KINDS) <= set(lines)
    assert "apps/v1, apps/v1beta2, apps/v1beta1 | all | scale (get, patch, update);" in lines["StatefulSet"]
    assert "all but deletecollection" in lines["Namespace"]
    assert "eviction (create)" in lines["Pod"]


def test_nothing_is_said_to_be_missing_that_is_there():
    for plural, name in unserved.SUBRESOURCES:
        resources = [one for one in versions.served() if one.kind.plural == plural]
        assert resources, plural
        assert all(name not in one.subresources for one in resources)
    groups = {group for group, _ in discovery.group_versions().values()}
    assert not [group for group in groups if group and any(what.startswith(group) for what in unserved.APIS)]


def test_what_stands_around_the_marks_stays(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{served.BEGIN}\nold\n{served.END}\nafter\n", encoding="utf-8")
    assert CliRunner().invoke(served.main, ["--write", str(page)]).exit_code == 0
    assert page.read_text(encoding="utf-8") == f"before\n{served.BEGIN}\n{served.text()}\n{served.END}\nafter\n"
    assert CliRunner().invoke(served.main, []).output == f"{served.text()}\n"
    with pytest.raises(ValueError, match="has no lines"):
        served.written("nothing here")
