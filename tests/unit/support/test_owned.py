"""Whose containers and networks are removed as those of a run that was killed."""

from __future__ import annotations

import os

import pytest

from support.owned import OWNER, has_ended


def test_this_run_has_not_ended() -> None:
    assert not has_ended(os.environ[OWNER])


def test_a_run_has_ended_whose_process_is_gone_or_another() -> None:
    number, _, start = os.environ[OWNER].partition("-")
    beyond_every_process = 2**22 + 1
    assert has_ended(f"{beyond_every_process}-{start}")
    assert has_ended(f"{number}-{int(start) - 1}")


@pytest.mark.parametrize("mark", ["", "somebody", "somebody-12", "12", "12-somebody"])
def test_what_does_not_bear_the_mark_of_a_run_is_left_alone(mark: str) -> None:
    assert not has_ended(mark)
