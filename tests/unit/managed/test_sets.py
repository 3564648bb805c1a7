"""Sets of fields."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.objects.managed.sets import difference, intersection, path_text, paths, union

A: Any = {"f:spec": {"f:replicas": {}, "f:template": {".": {}, "f:image": {}}}}
B: Any = {"f:spec": {"f:template": {"f:image": {}, "f:name": {}}}, "f:data": {}}


def test_union() -> None:
    assert union(A, B) == {
        "f:spec": {"f:replicas": {}, "f:template": {".": {}, "f:image": {}, "f:name": {}}},
        "f:data": {},
    }
    assert union({"f:a": {}}, {"f:a": {"f:b": {}}}) == {"f:a": {".": {}, "f:b": {}}}
    assert union({}, A) == union(A, {}) == A


def test_difference() -> None:
    assert difference(A, B) == {"f:spec": {"f:replicas": {}, "f:template": {}}}
    assert difference(B, A) == {"f:spec": {"f:template": {"f:name": {}}}, "f:data": {}}
    assert difference({"f:a": {".": {}, "f:b": {}}}, {"f:a": {}}) == {"f:a": {"f:b": {}}}
    assert difference(A, A) == {}


def test_intersection() -> None:
    assert intersection(A, B) == {"f:spec": {"f:template": {"f:image": {}}}}
    assert intersection({"f:a": {}}, {"f:a": {"f:b": {}}}) == {}
    assert intersection(A, A) == A


def test_paths_come_level_by_level() -> None:
    assert [path_text(path) for path in paths(A)] == [
        ".spec.replicas",
        ".spec.template",
        ".spec.template.image",
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:spec", 'k:{"containerPort":80,"protocol":"TCP"}'), '.spec[containerPort=80,protocol="TCP"]'),
        (("f:finalizers", 'v:"a/b"'), '.finalizers[="a/b"]'),
        (("f:items", "i:3"), ".items[3]"),
    ],
)
def test_elements_of_a_path(path: tuple[str, ...], text: str) -> None:
    assert path_text(path) == text
