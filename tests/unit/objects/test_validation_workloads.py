"""What StatefulSets, DaemonSets, ControllerRevisions and budgets say, and what an update may change."""

from __future__ import annotations

from typing import Any

import pytest

from support.judging import a_document, changed, judged, judged_status, judged_update, set_document

SET = set_document(serviceName="x", replicas=1)
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
UPDATABLE = (
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
    "forbidden"
)


def rolling(**fields: Any) -> dict[str, Any]:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": fields}}


@pytest.mark.surface("S2.zero")
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"volumeClaimTemplates": [CLAIM]}, []),
        ({"minReadySeconds": -1}, ["minReadySeconds: Invalid value: -1: must be greater than or equal to 0"]),
        ({"ordinals": {"start": -1}}, ["ordinals.start: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Burn"}},
            [
                (
                    'persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Burn": supported values: '
                    '"Retain", "Delete"'
                )
            ],
        ),
        (
            rolling(partition=-1),
            ["updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (rolling(maxUnavailable="25%"), []),
        (
            rolling(maxUnavailable=0),
            [
                (
                    "updateStrategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:0, "
                    "IntVal:0, "
                    'StrVal:""}: cannot be 0'
                )
            ],
        ),
        ({"serviceName": "A"}, 1),
        (
            {"volumeClaimTemplates": [CLAIM, CLAIM]},
            ['volumeClaimTemplates[1].metadata.name: Duplicate value: "data"'],
        ),
        (
            {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]},
            [
                "volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required",
                "volumeClaimTemplates[0].spec.resources[storage]: Required value",
            ],
        ),
        ({"selector": {}}, 1),
        (
            {"selector": {"matchExpressions": [{"key": "app", "operator": "In"}]}},
            [
                (
                    "selector.matchExpressions[0].values: Required value: must be specified when `operator` is "
                    "'In' or 'NotIn'"
                )
            ],
        ),
    ],
)
def test_stateful_sets(spec: dict[str, Any], expected: list[str] | int) -> None:
    found = judged(changed(SET, "spec", {**SET["spec"], **spec}))

    if isinstance(expected, int):
        assert len(found) == expected
    else:
        assert found == [f"spec.{text}" for text in expected]


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_a_selector_is_required_and_selects_the_template(kind: str) -> None:
    document = set_document(kind)
    other = changed(document, "spec.selector", {"matchLabels": {"app": "y"}})
    mismatch = (
        'spec.template.metadata.labels: Invalid value: map[string]string{"app":"x"}: `selector` does not match '
        "template `labels`"
    )

    assert judged(changed(document, "spec.selector", None)) == ["spec.selector: Required value", mismatch]
    assert judged(other) == [mismatch]


def test_claims_are_volumes_of_the_template() -> None:
    mounts = [{"name": "data", "mountPath": "/data"}]
    document = changed(SET, "spec.template.spec.containers.0.volumeMounts", mounts)

    assert judged(changed(document, "spec.volumeClaimTemplates", [CLAIM])) == []
    assert judged(document) == ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"']


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_pods_of_sets_have_no_deadline_nor_ephemeral_containers(kind: str) -> None:
    document = changed(set_document(kind), "spec.template.spec.activeDeadlineSeconds", 1)
    document["spec"]["template"]["spec"]["ephemeralContainers"] = [{"name": "e", "image": "a:1"}]

    assert judged(document) == [
        "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template",
        f"spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in {kind} is not Supported",
    ]


@pytest.mark.surface("S9.mutable")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.replicas", 9),
        ("spec.ordinals", {"start": 1}),
        ("spec.template.spec.containers.0.image", "a:2"),
        ("spec.updateStrategy", {"type": "OnDelete"}),
        ("spec.revisionHistoryLimit", 1),
        ("spec.persistentVolumeClaimRetentionPolicy", {"whenScaled": "Delete"}),
        ("spec.minReadySeconds", 5),
    ],
)
def test_what_may_change_of_a_stateful_set(path: str, value: Any) -> None:
    assert judged_update(changed(SET, path, value), SET) == []


@pytest.mark.surface("S5.immutable", "S9.immutable")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.serviceName", "other"),
        ("spec.podManagementPolicy", "Parallel"),
        ("spec.selector", {"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
        ("spec.volumeClaimTemplates", [CLAIM]),
    ],
)
def test_what_may_not_change_of_a_stateful_set(path: str, value: Any) -> None:
    assert judged_update(changed(SET, path, value), SET) == [UPDATABLE]


def test_the_status_of_claim_templates_does_not_count() -> None:
    old = changed(SET, "spec.volumeClaimTemplates", [CLAIM])

    assert judged_update(changed(old, "spec.volumeClaimTemplates.0.status", {"phase": "Bound"}), old) == []


def test_an_update_is_judged_whole() -> None:
    new = changed(SET, "spec.replicas", -1)

    assert judged_update(new, SET) == ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]


def test_status_of_a_stateful_set() -> None:
    status = {"replicas": 1, "readyReplicas": 2, "availableReplicas": 3, "collisionCount": 0}
    old = changed(SET, "status", {"replicas": 1, "collisionCount": 1})

    assert judged_status(changed(SET, "status", status), old) == [
        "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 3: cannot be greater than status.readyReplicas",
        "status.collisionCount: Invalid value: 0: cannot be decremented",
    ]


@pytest.mark.surface("texts.max-surge", "D1.one-of-the-two")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"maxUnavailable": 0, "maxSurge": 1}, []),
        ({"maxUnavailable": "30%"}, []),
        (
            {"maxUnavailable": 1, "maxSurge": "10%"},
            [
                (
                    'maxSurge: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"10%"}: may not be '
                    "set when maxUnavailable is non-zero"
                )
            ],
        ),
        (
            {"maxUnavailable": 0, "maxSurge": 0},
            ['maxUnavailable: Invalid value: intstr.IntOrString{Type:0, IntVal:0, StrVal:""}: cannot be 0'],
        ),
        ({"maxUnavailable": -1}, ["maxUnavailable: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {"maxUnavailable": 0, "maxSurge": "101%"},
            [
                (
                    'maxSurge: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"101%"}: must not '
                    "be greater than 100%"
                )
            ],
        ),
    ],
)
def test_rolling_daemon_sets(fields: dict[str, Any], expected: list[str]) -> None:
    found = judged(set_document("DaemonSet", **rolling(**fields)))

    assert found == [f"spec.updateStrategy.rollingUpdate.{text}" for text in expected]


@pytest.mark.surface("texts.immutable-selector")
def test_the_selector_of_a_daemon_set_is_immutable() -> None:
    old = set_document("DaemonSet")
    new = changed(old, "spec.selector", {"matchLabels": {"b": "c"}})
    new = changed(new, "spec.template.metadata.labels", {"app": "x", "b": "c"})

    assert judged_update(new, old) == [
        (
            'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"b":"c"}, '
            "MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable"
        )
    ]


def test_status_of_a_daemon_set() -> None:
    old = changed(set_document("DaemonSet"), "status", {"collisionCount": 1})
    new = changed(old, "status", {"numberReady": -1, "collisionCount": 0})

    assert judged_status(new, old) == [
        "status.numberReady: Invalid value: -1: must be greater than or equal to 0",
        "status.collisionCount: Invalid value: 0: cannot be decremented",
    ]


@pytest.mark.surface("revisions.immutable-data")
def test_revisions_may_be_renumbered_only() -> None:
    old = a_document("ControllerRevision", data={"a": 1}, revision=1)

    assert judged_update(changed(old, "revision", 2), old) == []
    assert judged_update(changed(old, "data", {"a": 2}), old) == [
        "data: Invalid value: runtime.RawExtension{...}: field is immutable"
    ]
    assert judged(changed(changed(old, "data", None), "revision", -1)) == [
        "data: Required value: data is mandatory",
        "revision: Invalid value: -1: must be greater than or equal to 0",
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"selector": {}, "minAvailable": "50%", "unhealthyPodEvictionPolicy": "AlwaysAllow"}, []),
        (
            {"minAvailable": 1, "maxUnavailable": 1},
            [
                (
                    ": Invalid value: policy.PodDisruptionBudgetSpec{...}: minAvailable and maxUnavailable "
                    "cannot be both set"
                )
            ],
        ),
        (
            {"minAvailable": "101%"},
            [
                (
                    '.minAvailable: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"101%"}: must not be '
                    "greater than 100%"
                )
            ],
        ),
        (
            {"unhealthyPodEvictionPolicy": "X"},
            [
                (
                    '.unhealthyPodEvictionPolicy: Unsupported value: "X": supported values: "AlwaysAllow", '
                    '"IfHealthyBudget"'
                )
            ],
        ),
        ({"selector": {"matchLabels": {"a b": "c"}}}, 1),
    ],
)
def test_budgets(spec: dict[str, Any], expected: list[str] | int) -> None:
    document = a_document("PodDisruptionBudget", spec=spec)

    for found in (judged(document), judged_update(document, a_document("PodDisruptionBudget"))):
        if isinstance(expected, int):
            assert len(found) == expected
        else:
            assert found == [f"spec{text}" for text in expected]


def test_status_of_a_budget() -> None:
    condition = {"type": "DisruptionAllowed", "status": "Maybe", "reason": "-", "lastTransitionTime": None}
    new = a_document("PodDisruptionBudget", status={"currentHealthy": -1, "conditions": [condition]})

    found = judged_status(new, a_document("PodDisruptionBudget"))

    assert [text.partition(":")[0] for text in found] == [
        "status.conditions[0].status",
        "status.conditions[0].lastTransitionTime",
        "status.conditions[0].reason",
        "status.currentHealthy",
    ]
