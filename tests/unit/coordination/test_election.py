from __future__ import annotations

import pytest

from statefleet.coordination.election import Follow, Lead, Rejoin, decide, in_line, sequence

LINE = ["z-0000000003", "a-0000000011", "m-0000000007"]


def test_the_lowest_sequence_leads_whatever_the_prefix() -> None:
    assert decide("z-0000000003", LINE) == Lead()


def test_each_other_watches_the_one_before_it() -> None:
    assert decide("m-0000000007", LINE) == Follow("z-0000000003")
    assert decide("a-0000000011", LINE) == Follow("m-0000000007")


def test_the_end_of_one_in_the_middle_changes_whom_one_watches_but_not_who_leads() -> None:
    assert decide("a-0000000011", ["z-0000000003", "a-0000000011"]) == Follow("z-0000000003")


def test_one_whose_node_is_gone_joins_anew() -> None:
    assert decide("q-0000000001", LINE) == Rejoin()
    assert decide("q-0000000001", []) == Rejoin()


def test_nodes_that_are_no_candidates_do_not_count() -> None:
    assert in_line(["lock", "z-0000000003", "readme-12"]) == ["z-0000000003"]


def test_exactly_one_leads_and_the_line_has_no_gap() -> None:
    nodes = [f"c-{n:010d}" for n in (5, 1, 9, 4)]
    decisions = [decide(node, nodes) for node in sorted(nodes)]
    assert decisions == [Lead(), Follow("c-0000000001"), Follow("c-0000000004"), Follow("c-0000000005")]


def test_a_name_without_a_sequence_is_an_error() -> None:
    assert sequence("c-0000000042") == 42
    with pytest.raises(ValueError, match="sequence number"):
        sequence("c-42")
