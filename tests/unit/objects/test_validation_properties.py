"""Whatever an object says: defaults are given once, and judging never raises."""

from __future__ import annotations

from typing import Any, cast

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.core.v1.pod_pb2 import Pod, PodSpec
from statefleet.api.core.v1.volume_pb2 import Volume
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.objects.defaults import apply_defaults
from statefleet.objects.kinds import KINDS
from statefleet.objects.validation import invalid, validate_create, validate_status_update, validate_update
from statefleet.objects.validation.report import Report
from support.messages import messages

EXAMPLES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@st.composite
def pods(draw: st.DrawFn) -> Pod:
    """Return pods whose containers and volumes say more than those within a random object do."""
    pod = Pod()
    pod.metadata.MergeFrom(cast("ObjectMeta", draw(messages(ObjectMeta.DESCRIPTOR))))
    pod.spec.CopyFrom(cast("PodSpec", draw(messages(PodSpec.DESCRIPTOR))))
    containers = st.lists(messages(Container.DESCRIPTOR), min_size=1, max_size=2)
    pod.spec.containers.extend(cast("list[Container]", draw(containers)))
    pod.spec.volumes.extend(cast("list[Volume]", draw(st.lists(messages(Volume.DESCRIPTOR), max_size=2))))
    return pod


def judge_all(new: Any, old: Any) -> None:
    for causes in (validate_create(new), validate_update(new, old), validate_status_update(new, old)):
        assert all(cause.reason and cause.message for cause in causes)
        if causes:
            assert causes[0].message in invalid(KINDS["Pod"], "x", causes).message


def settled(message: Message) -> bytes:
    apply_defaults(message)
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_any_object_is_judged_and_defaulted_once(kind: Any) -> None:
    @EXAMPLES
    @given(messages(kind.message.DESCRIPTOR), messages(kind.message.DESCRIPTOR))
    def check(new: Message, old: Message) -> None:
        judge_all(new, old)
        assert settled(new) == settled(new)
        judge_all(new, old)

    check()


@EXAMPLES
@given(pods(), pods())
def test_any_pod_is_judged_and_defaulted_once(new: Pod, old: Pod) -> None:
    judge_all(new, old)
    assert settled(new) == settled(new)
    judge_all(new, old)


@EXAMPLES
@given(pods())
def test_any_template_is_judged_as_its_pod_is(pod: Pod) -> None:
    stateful_set = StatefulSet()
    stateful_set.spec.template.spec.CopyFrom(pod.spec)
    apply_defaults(stateful_set)

    judge_all(stateful_set, stateful_set)


@pytest.mark.parametrize("text", ["?", "1" * 300, "", "1e999999999", "٣"])
def test_what_is_no_quantity_is_a_cause(text: str) -> None:
    pod = Pod()
    pod.spec.containers.add(name="c", image="a:1").resources.limits["cpu"].string = text
    apply_defaults(pod)

    causes = [cause for cause in validate_create(pod) if "resources" in cause.field]

    assert bool(causes) == bool(text)


def test_a_percentage_of_any_length_is_judged() -> None:
    stateful_set = StatefulSet()
    rolling = stateful_set.spec.update_strategy.rolling_update
    rolling.max_unavailable.type = 1
    for text, detail in (("9" * 5000 + "%", "greater than 100%"), ("0" * 5000 + "%", "cannot be 0")):
        rolling.max_unavailable.str_val = text
        apply_defaults(stateful_set)
        stateful_set.spec.update_strategy.type = "RollingUpdate"

        found = [c.message for c in validate_create(stateful_set) if c.field.endswith("maxUnavailable")]

        assert len(found) == 1
        assert detail in found[0]


def test_paths_are_written_only_for_causes() -> None:
    report = Report()
    report.required(("spec", "containers", 0, "ports", 12, "name"))

    assert [cause.field for cause in report.causes] == ["spec.containers[0].ports[12].name"]
