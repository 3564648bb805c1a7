"""What pods say: volumes, where they may run, names, DNS; and what an update may change."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.objects.validation import validate_update
from support.judging import changed, judged, judged_status, judged_update, pod_document, ready

POD = pod_document()


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ([{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}], []),
        ([{"name": "", "emptyDir": {}}], ["[0].name: Required value"]),
        ([{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}], ['[1].name: Duplicate value: "v"']),
        (
            [{"name": "v", "hostPath": {"path": "/x"}, "emptyDir": {}}],
            ["[0].hostPath: Forbidden: may not specify more than 1 volume type"],
        ),
        ([{"name": "v", "hostPath": {"path": ""}}], ["[0].hostPath.path: Required value"]),
        (
            [{"name": "v", "hostPath": {"path": "/a/../b"}}],
            ["[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"],
        ),
        ([{"name": "v", "configMap": {}}], ["[0].configMap.name: Required value"]),
        ([{"name": "v", "secret": {}}], ["[0].secret.secretName: Required value"]),
        (
            [{"name": "v", "secret": {"secretName": "s", "defaultMode": 512}}],
            [
                (
                    "[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both "
                    "inclusive"
                )
            ],
        ),
        (
            [{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "..x"}]}}],
            ["[0].configMap.items[0].path: Invalid value: \"..x\": must not start with '..'"],
        ),
        ([{"name": "v", "persistentVolumeClaim": {}}], ["[0].persistentVolumeClaim.claimName: Required value"]),
        (
            [{"name": "v", "downwardAPI": {"items": [{"path": "p"}]}}],
            ["[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"],
        ),
        (
            [{"name": "v", "nfs": {"server": "s", "path": "p"}}],
            ['[0].nfs.path: Invalid value: "p": must be an absolute path'],
        ),
        ([{"name": "v", "csi": {"driver": "CSI.example.com"}}], []),
        ([{"name": "v", "image": {"reference": ""}}], ["[0].image.reference: Required value"]),
        (
            [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}],
            [
                (
                    "[0].ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode "
                    "is required"
                ),
                "[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value",
            ],
        ),
    ],
)
def test_volumes(volumes: list[dict[str, Any]], expected: list[str]) -> None:
    assert judged(pod_document(volumes=volumes)) == [f"spec.volumes{text}" for text in expected]


def test_projected_files_do_not_clash() -> None:
    item = {"key": "k", "path": "p"}
    sources = [{"secret": {"name": "s", "items": [item]}}, {"configMap": {"name": "c", "items": [item]}}]

    assert judged(pod_document(volumes=[{"name": "v", "projected": {"sources": sources}}])) == [
        'spec.volumes[0].projected: Invalid value: "c": conflicting duplicate paths'
    ]


def test_a_token_needs_an_account_and_ten_minutes() -> None:
    sources = [{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]
    document = pod_document(volumes=[{"name": "v", "projected": {"sources": sources}}])

    assert judged(document) == [
        (
            "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may "
            "not specify a duration less than 10 minutes"
        ),
        (
            "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when "
            "serviceAccountName is not set"
        ),
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.1"]}}, []),
        ({"dnsPolicy": "None"}, ["dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
        (
            {"dnsPolicy": "X"},
            [
                (
                    'dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", '
                    '"Default", "None"'
                )
            ],
        ),
        (
            {"restartPolicy": "Sometimes"},
            ['restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
        ),
        (
            {"activeDeadlineSeconds": 0},
            ["activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
        ),
        (
            {"hostAliases": [{"ip": "1.2.3", "hostnames": ["a"]}]},
            [
                (
                    'hostAliases[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or '
                    "2001:db8::ffff)"
                )
            ],
        ),
        ({"readinessGates": [{"conditionType": "example.com/ready"}]}, []),
        ({"os": {"name": "plan9"}}, ['os: Unsupported value: "plan9": supported values: "linux", "windows"']),
        (
            {"preemptionPolicy": "X"},
            ['preemptionPolicy: Unsupported value: "X": supported values: "PreemptLowerPriority", "Never"'],
        ),
        (
            {"hostUsers": False, "hostPID": True},
            ["HostPID: Forbidden: when `pod.Spec.HostUsers` is false"],
        ),
        (
            {"hostPID": True, "shareProcessNamespace": True},
            [
                (
                    "securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and "
                    "HostPID cannot both be enabled"
                )
            ],
        ),
        (
            {"securityContext": {"sysctls": [{"name": "net.a", "value": "1"}]}, "hostNetwork": True},
            [
                (
                    'securityContext.sysctls[0].name: Invalid value: "net.a": may not be specified when '
                    "'hostNetwork' is true"
                )
            ],
        ),
        (
            {"securityContext": {"fsGroupChangePolicy": "X"}},
            [
                (
                    'securityContext.fsGroupChangePolicy: Unsupported value: "X": supported values: "Always", '
                    '"OnRootMismatch"'
                )
            ],
        ),
        (
            {"nodeName": "n", "schedulingGates": [{"name": "a.example/b"}]},
            ["nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
        ),
        (
            {"ephemeralContainers": [{"name": "e", "image": "a:1", "targetContainerName": "none"}]},
            [
                'ephemeralContainers[0].targetContainerName: Not found: "none"',
                "ephemeralContainers: Forbidden: cannot be set on create",
            ],
        ),
        (
            {"resourceClaims": [{"name": "c"}]},
            [
                (
                    'resourceClaims[0]: Invalid value: core.PodResourceClaim{Name:"c", ...}: must specify one of: '
                    "`resourceClaimName`, `resourceClaimTemplateName`"
                )
            ],
        ),
    ],
)
def test_the_pod_itself(spec: dict[str, Any], expected: list[str]) -> None:
    assert judged(pod_document(**spec)) == [f"spec.{text}" for text in expected]


@pytest.mark.parametrize("field", ["hostname", "subdomain", "nodeName", "serviceAccountName", "priorityClassName"])
def test_names_within_a_pod(field: str) -> None:
    assert judged(pod_document(**{field: "good-name"})) == []
    assert judged(pod_document(**{field: "Bad"}))[0].startswith(
        f'spec.{field}: Invalid value: "Bad": a lowercase RFC'
    )


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        ({"operator": "Exists"}, []),
        ({"key": "a", "value": "b", "effect": "NoExecute", "tolerationSeconds": 5}, []),
        (
            {"operator": "Equal"},
            [
                (
                    'operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means '
                    '"match all values and all keys"'
                )
            ],
        ),
        (
            {"key": "a", "operator": "Exists", "value": "b"},
            ["operator: Invalid value: \"b\": value must be empty when `operator` is 'Exists'"],
        ),
        (
            {"key": "a", "operator": "Like"},
            ['operator: Unsupported value: "Like": supported values: "Equal", "Exists"'],
        ),
        (
            {"key": "a", "tolerationSeconds": 1},
            ["effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set"],
        ),
    ],
)
def test_tolerations(toleration: dict[str, Any], expected: list[str]) -> None:
    found = judged(pod_document(tolerations=[toleration]))

    assert found == [f"spec.tolerations[0].{text}" for text in expected]


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def of_node_term(**term: Any) -> list[str]:
    at = f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0]."
    found = judged(pod_document(affinity={"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term]}}}))
    return [text.removeprefix(at) for text in found]


def test_node_affinity() -> None:
    no_terms = pod_document(affinity={"nodeAffinity": {REQUIRED: {}}})

    assert judged(no_terms) == [
        (
            f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms: Required value: must have at least one "
            f"node selector "
            "term"
        )
    ]
    assert of_node_term(matchExpressions=[{"key": "a", "operator": "In", "values": ["b"]}]) == []
    assert of_node_term(matchExpressions=[{"key": "a", "operator": "In"}]) == [
        "matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
    ]
    assert of_node_term(matchExpressions=[{"key": "a", "operator": "Gt", "values": ["1", "2"]}]) == [
        "matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"
    ]
    assert of_node_term(matchExpressions=[{"key": "a", "operator": "Is"}]) == [
        'matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator'
    ]
    assert of_node_term(matchFields=[{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]) == []
    assert of_node_term(matchFields=[{"key": "spec.x", "operator": "In", "values": ["a"]}]) == [
        'matchFields[0].key: Invalid value: "spec.x": not a valid field selector key'
    ]


def test_pod_affinity() -> None:
    term = {"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}}
    affinity = {REQUIRED: [term], PREFERRED: [{"weight": 0, "podAffinityTerm": {"topologyKey": "zone"}}]}
    at = "spec.affinity.podAntiAffinity."

    (values, *topology, weight) = judged(pod_document(affinity={"podAntiAffinity": affinity}))

    assert values == (
        f"{at}{REQUIRED}[0].labelSelector.matchExpressions[0].values: Forbidden: may not be specified when "
        f"`operator` "
        "is 'Exists' or 'DoesNotExist'"
    )
    assert topology[0] == f"{at}{REQUIRED}[0].topologyKey: Required value: can not be empty"
    assert weight == f"{at}{PREFERRED}[0].weight: Invalid value: 0: must be in the range 1-100"


def test_spreading() -> None:
    good = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    at = "spec.topologySpreadConstraints[0]."

    assert judged(pod_document(topologySpreadConstraints=[good])) == []
    assert judged(pod_document(topologySpreadConstraints=[good, good])) == [
        f'{at}{{topologyKey, whenUnsatisfiable}}: Duplicate value: "{{zone, DoNotSchedule}}"'
    ]
    assert judged(pod_document(topologySpreadConstraints=[{"whenUnsatisfiable": "Cry", "minDomains": 0}])) == [
        f"{at}maxSkew: Invalid value: 0: must be greater than zero",
        f"{at}topologyKey: Required value: can not be empty",
        f'{at}whenUnsatisfiable: Unsupported value: "Cry": supported values: "DoNotSchedule", "ScheduleAnyway"',
        f"{at}minDomains: Invalid value: 0: must be greater than zero",
        f"{at}minDomains: Invalid value: 0: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not Cry",
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.containers.0.image", "a:2"),
        ("spec.activeDeadlineSeconds", 5),
        ("spec.tolerations", [{"operator": "Exists"}]),
        ("metadata.labels", {"a": "b"}),
    ],
)
def test_what_an_update_may_change(path: str, value: Any) -> None:
    assert judged_update(changed(POD, path, value), POD) == []


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec.containers.0.command", ["sh"], "containers"),
        ("spec.nodeName", "node-1", "nodeName"),
        ("spec.nodeSelector", {"a": "b"}, "nodeSelector"),
        ("spec.restartPolicy", "Never", "restartPolicy"),
    ],
)
def test_what_an_update_may_not_change(path: str, value: Any, field: str) -> None:
    (found,) = judged_update(changed(POD, path, value), POD)

    assert found == (
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
        "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
        f"  spec.{field}"
    )


def test_containers_neither_come_nor_go() -> None:
    two = pod_document(containers=[{"name": "c", "image": "a:1"}, {"name": "d", "image": "a:1"}])

    assert judged_update(two, POD) == ["spec.containers: Forbidden: pod updates may not add or remove containers"]


def test_a_deadline_only_comes_closer_and_tolerations_only_grow() -> None:
    old = pod_document(activeDeadlineSeconds=5, tolerations=[{"key": "a", "operator": "Exists"}])

    assert judged_update(changed(old, "spec.activeDeadlineSeconds", 6), old) == [
        "spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value"
    ]
    assert judged_update(changed(old, "spec.tolerations", []), old) == [
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    ]


def test_a_gated_pod_may_ask_for_fewer_nodes() -> None:
    old = pod_document(schedulingGates=[{"name": "a.example/b"}], nodeSelector={"a": "b"})

    assert judged_update(changed(old, "spec.nodeSelector", {"a": "b", "c": "d"}), old) == []
    assert judged_update(changed(old, "spec.nodeSelector", {"a": "x"}), old) == [
        (
            'spec.nodeSelector: Invalid value: map[string]string{"a":"x"}: only additions to '
            "spec.nodeSelector are allowed (no mutations or deletions)"
        )
    ]
    assert judged_update(changed(old, "spec.schedulingGates", [{"name": "a.example/c"}]), old) == [
        (
            "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate "
            "'a.example/c'"
        )
    ]


def test_judging_changes_nothing() -> None:
    new, old = ready(changed(POD, "spec.containers.0.image", "a:2")), ready(POD)
    before = new.SerializeToString(deterministic=True), old.SerializeToString(deterministic=True)

    validate_update(new, old)

    assert (new.SerializeToString(deterministic=True), old.SerializeToString(deterministic=True)) == before


def test_status() -> None:
    ended = changed(pod_document(restartPolicy="Never"), "status.containerStatuses", [{"name": "c"}])
    ended["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 0}}
    again = changed(ended, "status.containerStatuses.0.state", {"running": {}})

    assert judged_status(ended, ended) == []
    assert judged_status(again, ended) == [
        "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"
    ]
    assert judged_status(changed(POD, "status.podIPs", [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}]), POD) == [
        "status.podIPs: Invalid value: [192.0.2.1 192.0.2.2]: may specify no more than one IP for each IP family"
    ]
    assert judged_status(changed(POD, "status.hostIPs", [{"ip": "192.0.2.1"}]), POD) == [
        'status.hostIPs[0].ip: Invalid value: "192.0.2.1": must be equal to `hostIP`'
    ]
