"""Server-side apply over random configurations: what holds whatever managers apply, update and force."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from statefleet.errors import Conflict
from statefleet.objects.kinds import POD
from statefleet.objects.managed.comparing import fields_of
from statefleet.objects.managed.sets import difference, intersection, paths, union
from statefleet.objects.managed.subjects import subject
from statefleet.objects.managed.topology import topology
from support.appliers import Owned

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from(["1", "2"])
MANAGERS = st.sampled_from(["one", "two", "three"])


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def named(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    items = st.fixed_dictionaries({"name": NAMES}, optional=fields)
    return st.lists(items, max_size=3, unique_by=lambda item: item["name"])


CONFIGURATIONS = optional(
    metadata=optional(
        labels=st.dictionaries(NAMES, VALUES),
        finalizers=st.lists(NAMES.map("example.com/{}".format), unique=True),
    ),
    spec=optional(
        containers=named(image=VALUES, args=st.lists(VALUES), env=named(value=VALUES)),
        nodeSelector=st.dictionaries(NAMES, VALUES),
        hostname=NAMES,
        securityContext=optional(
            runAsUser=st.integers(0, 2), sysctls=st.lists(st.fixed_dictionaries({"name": NAMES}))
        ),
    ),
)
WRITES = st.lists(st.tuples(st.sampled_from(["apply", "force", "update"]), MANAGERS, CONFIGURATIONS), max_size=6)
TOPOLOGY = topology(POD.message.DESCRIPTOR)


def written(writes: list[tuple[str, str, dict[str, Any]]]) -> Owned:
    """Return a pod that some have written, those left out who met a conflict."""
    pod = Owned(POD)
    pod.update("first", {"metadata": {"labels": {"a": "0"}}})
    for how, manager, configuration in writes:
        if how == "update":
            pod.update(f"{manager}-updates", configuration)
        else:
            apply_or_not(pod, manager, configuration, force=how == "force")
    return pod


def apply_or_not(pod: Owned, manager: str, configuration: dict[str, Any], *, force: bool) -> bool:
    try:
        pod.apply(manager, configuration, force=force)
    except Conflict:
        assert not force
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(WRITES, MANAGERS, CONFIGURATIONS)
def test_to_apply_twice_is_to_apply_once(writes: Any, manager: str, configuration: dict[str, Any]) -> None:
    pod = written(writes)
    pod.apply(manager, configuration, force=True)
    message, entries = pod.document, pod.entries
    pod.apply(manager, configuration)
    assert (pod.document, pod.entries) == (message, entries)


@settings(max_examples=200, deadline=None)
@given(WRITES, MANAGERS, CONFIGURATIONS)
def test_what_is_forced_is_so_and_is_ones_own(writes: Any, manager: str, configuration: dict[str, Any]) -> None:
    pod = written(writes)
    pod.apply(manager, configuration, force=True)
    wanted = fields_of(TOPOLOGY, subject({"metadata": {}, **configuration}))
    wanted = {step: below for step, below in wanted.items() if step != "f:metadata" or below}
    assert pod.owners().get(manager, {}) == wanted
    labels = configuration.get("metadata", {}).get("labels", {})
    assert labels.items() <= dict(pod.message.metadata.labels).items()


@settings(max_examples=200, deadline=None)
@given(WRITES, MANAGERS, CONFIGURATIONS)
def test_without_force_nothing_of_others_changes(writes: Any, manager: str, configuration: dict[str, Any]) -> None:
    pod = written(writes)
    others = {name: fields for name, fields in pod.owners().items() if name != manager}
    before = fields_of(TOPOLOGY, subject(pod.document))
    if not apply_or_not(pod, manager, configuration, force=False):
        return
    after = fields_of(TOPOLOGY, subject(pod.document))
    gone = difference(before, after)
    for name, fields in others.items():
        lost = list(paths(difference(fields, pod.owners().get(name, {}))))
        # What somebody is no longer said to own is not there any more: it was part of an item that went.
        assert not list(paths(intersection(difference(fields, pod.owners().get(name, {})), after))), lost
        # An empty struct that gets a field is still there, though it is listed by that field now.
        assert not [path for path in paths(intersection(fields, gone)) if path not in lost and not holds(after, path)]


@settings(max_examples=200, deadline=None)
@given(WRITES, MANAGERS, CONFIGURATIONS)
def test_what_only_one_applied_goes_with_its_last_configuration(
    writes: Any, manager: str, configuration: dict[str, Any]
) -> None:
    pod = written(writes)
    pod.apply(manager, configuration, force=True)
    others: dict[str, Any] = {}
    for name, fields in pod.owners().items():
        if name != manager:
            others = union(others, fields)
    mine = difference(pod.owners().get(manager, {}), others)
    pod.apply(manager, {})
    assert manager not in pod.owners()
    left = fields_of(TOPOLOGY, subject(pod.document))
    assert not [path for path in paths(intersection(mine, left)) if not holds(others, path)]


def holds(fields: dict[str, Any], path: tuple[str, ...]) -> bool:
    """Return whether a set holds a field or something below it."""
    for step in path:
        if step not in fields:
            return False
        fields = fields[step]
    return True
