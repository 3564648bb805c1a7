"""Label selectors: what they mean, how they are written, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statefleet.api.meta.v1.selector_pb2 import LabelSelector as Message
from statefleet.errors import BadRequest
from statefleet.objects.label_syntax import key_problems, value_problems
from statefleet.objects.selectors import EVERYTHING, NOTHING, LabelSelector, Operator, Requirement

GOLDEN = Path(__file__).parents[2] / "golden" / "requests"
LABELS = {"app": "web", "tier": "front", "weight": "5", "empty": ""}


@pytest.mark.parametrize(
    "text",
    [
        "", "app=web", "app==web", "app", "!none", "app!=db", "none!=x", "none notin (a)", "app in (web,db)",
        "app notin (db)", "weight>4", "weight<6", "empty=", "empty", "empty in ()", "app=web,tier=front,!none",
        " app = web , tier in ( front , back ) ", "empty in (a,)",
    ],
)  # fmt: skip
def test_selects(text: str) -> None:
    assert LabelSelector.parse(text).matches(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "app=db", "none", "!app", "app!=web", "app notin (web,db)", "none in (a)", "weight>5", "weight<5", "app>4",
        "none>4", "app=", "app=web,none", "none=",
    ],
)  # fmt: skip
def test_does_not_select(text: str) -> None:
    assert not LabelSelector.parse(text).matches(LABELS)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("b=2,a=1", "a=1,b=2"),
        (" z in (c, a,b),!y", "!y,z in (a,b,c)"),
        ("a==1,b!=2,c", "a==1,b!=2,c"),
        ("x notin (b)", "x notin (b)"),
        ("g > 1", "g>1"),
        ("in=notin,notin in (in)", "in=notin,notin in (in)"),
        ("a in (x,)", "a in (,x)"),
    ],
)
def test_canonical_form(text: str, canonical: str) -> None:
    assert str(LabelSelector.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "unable to parse requirement: found 'b', expected: '=', '!=', '==', 'in', notin'"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a===b", "unable to parse requirement: found '=', expected: identifier"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        ("a in (=", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
    ],
)
def test_syntax_errors_are_those_of_kubernetes(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        LabelSelector.parse(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("-a", 'unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of'),
        ("a/b/c=d", 'unable to parse requirement: <nil>: Invalid value: "a/b/c": a qualified name must consist of'),
        ("/a", 'unable to parse requirement: <nil>: Invalid value: "/a": prefix part must be non-empty'),
        ("a=-b", 'unable to parse requirement: values[0][a]: Invalid value: "-b": a valid label must be'),
        ("a>b", "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value"),
    ],
)
def test_bad_labels_are_refused(text: str, start: str) -> None:
    with pytest.raises(BadRequest) as caught:
        LabelSelector.parse(text)
    assert caught.value.message.startswith(start)


def test_refusal_is_the_recorded_one() -> None:
    recorded = json.loads((GOLDEN / "list-bad-label.json").read_text())["response"]
    with pytest.raises(BadRequest) as caught:
        LabelSelector.parse("a b")
    assert (caught.value.message, caught.value.reason) == (recorded["message"], recorded["reason"])


class TestFromMessage:
    def test_all_conditions_count(self) -> None:
        message = Message(match_labels={"tier": "front", "app": "web"})
        message.match_expressions.add(key="app", operator="In", values=["db", "web"])
        message.match_expressions.add(key="none", operator="DoesNotExist")
        message.match_expressions.add(key="weight", operator="NotIn", values=["6"])
        message.match_expressions.add(key="empty", operator="Exists")
        selector = LabelSelector.from_message(message)
        assert selector.matches(LABELS)
        assert str(selector) == "app=web,app in (db,web),empty,!none,tier=front,weight notin (6)"
        assert not selector.matches({**LABELS, "none": ""})

    def test_empty_selects_everything(self) -> None:
        selector = LabelSelector.from_message(Message())
        assert selector == EVERYTHING
        assert selector.selects_everything
        assert selector.matches({})

    @pytest.mark.parametrize(
        ("operator", "values", "message"),
        [
            ("Like", ["a"], '"Like" is not a valid label selector operator'),
            ("In", [], "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"),
            (
                "Exists",
                ["a"],
                'values: Invalid value: []string{"a"}: values set must be empty for exists and does not exist',
            ),
        ],
    )
    def test_malformed_is_refused(self, operator: str, values: list[str], message: str) -> None:
        selector = Message()
        selector.match_expressions.add(key="app", operator=operator, values=values)
        with pytest.raises(BadRequest) as caught:
            LabelSelector.from_message(selector)
        assert caught.value.message == message


def test_nothing_selects_nothing() -> None:
    assert not NOTHING.matches({})
    assert not NOTHING.matches(LABELS)
    assert not NOTHING.selects_everything


def test_equal_labels_select_as_a_service_does() -> None:
    assert str(LabelSelector.equal({"b": "2", "a": "1"})) == "a=1,b=2"


KEYS = st.sampled_from(["a", "app", "in", "notin", "example.com/app", "A.b_c-d"])
VALUES = st.sampled_from(["", "x", "in", "notin", "a.b", "1", "0-0"])
REQUIREMENTS = st.one_of(
    st.builds(
        Requirement,
        KEYS,
        st.sampled_from([Operator.EQUALS, Operator.DOUBLE_EQUALS, Operator.NOT_EQUALS]),
        st.frozensets(VALUES, min_size=1, max_size=1),
    ),
    st.builds(
        Requirement,
        KEYS,
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.frozensets(VALUES, min_size=1, max_size=3),
    ),
    st.builds(Requirement, KEYS, st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST])),
    st.builds(
        Requirement,
        KEYS,
        st.sampled_from([Operator.GREATER_THAN, Operator.LESS_THAN]),
        st.frozensets(st.integers(0, 99).map(str), min_size=1, max_size=1),
    ),
)
SELECTORS = st.lists(REQUIREMENTS, max_size=4).map(LabelSelector.of)
FEW = settings(max_examples=150, deadline=None, database=None)


@FEW
@given(SELECTORS)
def test_selector_comes_back_from_its_text(selector: LabelSelector) -> None:
    assert LabelSelector.parse(str(selector)) == selector


@FEW
@given(SELECTORS, st.dictionaries(KEYS, VALUES, max_size=4))
def test_selects_what_every_requirement_selects(selector: LabelSelector, labels: dict[str, str]) -> None:
    assert selector.matches(labels) is all(item.matches(labels) for item in selector.requirements)


def test_label_syntax() -> None:
    assert not key_problems("example.com/app")
    assert not value_problems("")
    assert key_problems("") == ("name part must be non-empty", *key_problems("-"))
    assert key_problems("a" * 64) == ("name part must be no more than 63 characters",)
    assert value_problems("a" * 64) == ("must be no more than 63 characters",)
    assert key_problems("A.com/x")[0].startswith("prefix part a lowercase RFC 1123 subdomain must consist of")
    assert key_problems(f"{'a' * 254}/x") == ("prefix part must be no more than 253 characters",)
