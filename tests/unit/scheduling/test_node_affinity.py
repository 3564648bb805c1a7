"""What node selectors mean."""

import pytest

from statefleet.api.core.v1.reference_pb2 import NodeSelector
from statefleet.scheduling.node_affinity import NodeRule

LABELS = {"disk": "ssd", "cores": "16", "odd": "1_6"}


def rule(*terms) -> NodeRule:
    """A rule of terms, each a list of (key, operator, values); keys with a dot are fields."""
    selector = NodeSelector()
    for term in terms:
        added = selector.node_selector_terms.add()
        for key, operator, *values in term:
            (added.match_fields if "." in key else added.match_expressions).add(
                key=key, operator=operator, values=values
            )
    return NodeRule.of(selector)


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        (("disk", "In", "hdd", "ssd"), True),
        (("disk", "In", "hdd"), False),
        (("gone", "In", ""), False),
        (("disk", "NotIn", "hdd"), True),
        (("disk", "NotIn", "ssd"), False),
        (("gone", "NotIn", "ssd"), True),
        (("disk", "Exists"), True),
        (("gone", "Exists"), False),
        (("disk", "DoesNotExist"), False),
        (("gone", "DoesNotExist"), True),
        (("cores", "Gt", "15"), True),
        (("cores", "Gt", "16"), False),
        (("cores", "Lt", "17"), True),
        (("disk", "Gt", "1"), False),
        (("odd", "Gt", "1"), False),
        (("cores", "Like", "16"), False),
        (("metadata.name", "In", "here"), True),
        (("metadata.name", "NotIn", "here"), False),
        (("metadata.uid", "In", "here"), False),
    ],
)
def test_each_operator(requirement, met):
    assert rule([requirement]).matches("here", LABELS) is met


def test_terms_are_alternatives_and_all_of_a_term_must_hold():
    assert rule([("disk", "In", "hdd")], [("cores", "Exists")]).matches("here", LABELS)
    assert not rule([("disk", "In", "hdd"), ("cores", "Exists")]).matches("here", LABELS)


def test_nothing_asked_is_met_by_no_node():
    assert not rule().matches("here", LABELS)
    assert not rule([]).matches("here", LABELS)
