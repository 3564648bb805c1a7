"""What containers say: ports, environment, resources, probes, mounts, security."""

from __future__ import annotations

from typing import Any

import pytest

from support.judging import container_document, judged, pod_document

AT = "spec.containers[0]"


def of_container(**fields: Any) -> list[str]:
    return judged(container_document(**fields))


def of_probe(**fields: Any) -> list[str]:
    return of_container(livenessProbe=fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": ""}, [f"{AT}.name: Required value"]),
        ({"image": ""}, [f"{AT}.image: Required value"]),
        (
            {"image": " a:1"},
            [f'{AT}.image: Invalid value: " a:1": must not have leading or trailing whitespace'],
        ),
        (
            {"terminationMessagePolicy": "Mail"},
            [
                (
                    f'{AT}.terminationMessagePolicy: Unsupported value: "Mail": supported values: "File", '
                    '"FallbackToLogsOnError"'
                )
            ],
        ),
        ({"restartPolicy": "Always"}, [f"{AT}.restartPolicy: Forbidden: may not be set for non-init containers"]),
        (
            {"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}] * 2},
            [f'{AT}.resizePolicy[1]: Duplicate value: "cpu"'],
        ),
    ],
)
def test_the_container_itself(fields: dict[str, Any], expected: list[str]) -> None:
    assert of_container(**fields) == expected


def test_there_is_a_container_and_names_are_unique() -> None:
    again = [{"name": "c", "image": "a:1"}, {"name": "c", "image": "a:1"}]

    assert judged(pod_document(containers=[])) == ["spec.containers: Required value"]
    assert judged(pod_document(containers=again)) == ['spec.containers[1].name: Duplicate value: "c"']
    assert judged(pod_document(initContainers=again[:1])) == ['spec.initContainers[0].name: Duplicate value: "c"']


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([{"containerPort": 80, "name": "web"}, {"containerPort": 80, "protocol": "UDP"}], []),
        ([{}], [f"{AT}.ports[0].containerPort: Required value"]),
        (
            [{"containerPort": 1, "hostPort": -1}],
            [f"{AT}.ports[0].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive"],
        ),
        (
            [{"containerPort": 1, "protocol": "ICMP"}],
            [f'{AT}.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"'],
        ),
        (
            [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}],
            [f'{AT}.ports[1].name: Duplicate value: "a"'],
        ),
        (
            [{"containerPort": 1, "name": "a-name-too-long-"}],
            [
                f'{AT}.ports[0].name: Invalid value: "a-name-too-long-": must be no more than 15 characters',
                f'{AT}.ports[0].name: Invalid value: "a-name-too-long-": must not begin or end with a hyphen',
            ],
        ),
        (
            [{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}],
            [f'{AT}.ports[1].hostPort: Duplicate value: "TCP//9"'],
        ),
    ],
)
def test_ports(ports: list[dict[str, Any]], expected: list[str]) -> None:
    assert of_container(ports=ports) == expected


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"name": "A", "value": "x"}, []),
        ({"name": ""}, ["name: Required value"]),
        (
            {"name": "A", "valueFrom": {}},
            [
                (
                    'valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, '
                    "`configMapKeyRef` or `secretKeyRef`"
                )
            ],
        ),
        (
            {"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ['valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
        ),
        (
            {
                "name": "A",
                "valueFrom": {
                    "fieldRef": {"fieldPath": "status.podIP"},
                    "secretKeyRef": {"name": "s", "key": "k"},
                },
            },
            ['valueFrom: Invalid value: "": may not have more than one field specified at a time'],
        ),
        (
            {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.color"}}},
            [
                (
                    'valueFrom.fieldRef.fieldPath: Invalid value: "spec.color": error converting fieldPath: '
                    "field label not supported: spec.color"
                )
            ],
        ),
        (
            {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}},
            [
                (
                    'valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: '
                    '"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", '
                    '"spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"'
                )
            ],
        ),
        ({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}, []),
        (
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": ""}}},
            ["valueFrom.configMapKeyRef.key: Required value"],
        ),
        ({"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}}, []),
        (
            {"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}},
            [
                (
                    'valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values '
                    "1m and 1 are supported with the cpu resource"
                )
            ],
        ),
    ],
)
def test_environment(variable: dict[str, Any], expected: list[str]) -> None:
    assert of_container(env=[variable]) == [f"{AT}.env[0].{text}" for text in expected]


def test_environment_from_one_source_each() -> None:
    assert of_container(envFrom=[{"prefix": "1"}])[-1] == (
        f'{AT}.envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'
    )
    assert of_container(envFrom=[{"configMapRef": {"name": ""}}]) == [
        f"{AT}.envFrom[0].configMapRef.name: Required value"
    ]
    assert of_container(envFrom=[{"configMapRef": {"name": "a"}, "secretRef": {"name": "a"}}]) == [
        f'{AT}.envFrom: Invalid value: "": may not have more than one field specified at a time'
    ]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi", "example.com/gpu": "1"}}, []),
        ({"requests": {"cpu": "1"}, "limits": {"cpu": "1000m"}}, []),
        ({"limits": {"memory": "-1"}, "requests": {"memory": "-2"}}, ["limits[memory]", "requests[memory]"]),
        ({"limits": {"gold": "1"}, "requests": {"cpu": "1"}}, ["limits[gold]"] * 2 + ["requests[gold]"] * 2),
        (
            {"limits": {"example.com/gpu": "1500m"}, "requests": {"cpu": "1"}},
            ["limits[example.com/gpu]", "requests[example.com/gpu]"],
        ),
        ({"requests": {"example.com/gpu": "1"}}, ["limits"]),
        ({"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "2"}}, ["requests"]),
        ({"limits": {"hugepages-2Mi": "4Mi"}}, [""]),
        ({"limits": {"hugepages-2Mi": "3Mi", "cpu": "1"}}, ["limits[hugepages-2Mi]", "requests[hugepages-2Mi]"]),
        ({"claims": [{"name": "c"}]}, ["claims[0]"]),
    ],
)
def test_resources(resources: dict[str, Any], expected: list[str]) -> None:
    fields = [text.partition(":")[0] for text in of_container(resources=resources)]

    assert fields == [f"{AT}.resources{'.' if field else ''}{field}" for field in expected]


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"exec": {"command": ["true"]}}, []),
        ({}, [": Required value: must specify a handler type"]),
        ({"exec": {}}, [".exec.command: Required value"]),
        ({"httpGet": {"port": "web", "httpHeaders": [{"name": "X-A", "value": "1"}]}}, []),
        (
            {"httpGet": {"port": 0, "scheme": "FTP"}},
            [
                ".httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive",
                '.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
            ],
        ),
        ({"tcpSocket": {"port": "UP"}}, 2),
        ({"grpc": {"port": 70000}}, [".grpc.port: Invalid value: 70000: must be between 1 and 65535, inclusive"]),
        (
            {"exec": {"command": ["a"]}, "successThreshold": 2},
            [".successThreshold: Invalid value: 2: must be 1"],
        ),
        (
            {"exec": {"command": ["a"]}, "periodSeconds": -1, "terminationGracePeriodSeconds": 0},
            [
                ".periodSeconds: Invalid value: -1: must be greater than or equal to 0",
                ".terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0",
            ],
        ),
    ],
)
def test_probes(probe: dict[str, Any], expected: list[str] | int) -> None:
    found = of_probe(**probe)

    if isinstance(expected, int):
        assert len(found) == expected
    else:
        assert found == [f"{AT}.livenessProbe{text}" for text in expected]


def test_a_readiness_probe_ends_nothing() -> None:
    probe = {"exec": {"command": ["a"]}, "successThreshold": 2, "terminationGracePeriodSeconds": 1}

    assert of_container(readinessProbe=probe) == [
        f"{AT}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes"
    ]


def test_hooks() -> None:
    assert of_container(lifecycle={"preStop": {"sleep": {"seconds": 30}}}) == []
    assert of_container(lifecycle={"preStop": {"sleep": {"seconds": 31}}}) == [
        (
            f"{AT}.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than "
            "terminationGracePeriodSeconds (30)"
        )
    ]
    assert of_container(lifecycle={"postStart": {}}) == [
        f"{AT}.lifecycle.postStart: Required value: must specify a handler type"
    ]


def test_init_containers_have_no_probes_unless_they_stay() -> None:
    container = {"name": "i", "image": "a:1", "startupProbe": {"exec": {"command": ["a"]}}}

    assert judged(pod_document(initContainers=[{**container, "restartPolicy": "Always"}])) == []
    assert judged(pod_document(initContainers=[container])) == [
        (
            "spec.initContainers[0].startupProbe: Forbidden: may not be set for init containers without "
            "restartPolicy=Always"
        )
    ]
    assert judged(pod_document(initContainers=[{"name": "i", "image": "a:1", "restartPolicy": "Never"}])) == [
        'spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: "Always"'
    ]


VOLUMES = [{"name": "v", "emptyDir": {}}, {"name": "p", "persistentVolumeClaim": {"claimName": "x"}}]


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ([{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b", "subPath": "x"}], []),
        ([{"name": "v", "mountPath": ""}], ["[0].mountPath: Required value"]),
        (
            [{"name": "v", "mountPath": "/a"}, {"name": "p", "mountPath": "/a"}],
            ['[1].mountPath: Invalid value: "/a": must be unique'],
        ),
        (
            [{"name": "v", "mountPath": "/a", "subPath": "/x"}],
            ['.subPath: Invalid value: "/x": must be a relative path'],
        ),
        (
            [{"name": "v", "mountPath": "/a", "subPath": "../x"}],
            [".subPath: Invalid value: \"../x\": must not contain '..'"],
        ),
        (
            [{"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}],
            [
                (
                    ".mountPropagation: Forbidden: Bidirectional mount propagation is available only to "
                    "privileged containers"
                )
            ],
        ),
        (
            [{"name": "v", "mountPath": "/a", "recursiveReadOnly": "Enabled"}],
            [".recursiveReadOnly: Forbidden: may only be specified when readOnly is true"],
        ),
    ],
)
def test_mounts(mounts: list[dict[str, Any]], expected: list[str]) -> None:
    document = container_document(volumeMounts=mounts)
    document["spec"]["volumes"] = VOLUMES

    assert judged(document) == [f"{AT}.volumeMounts{text}" for text in expected]


def test_block_devices() -> None:
    document = container_document(
        volumeDevices=[
            {"name": "p", "devicePath": "/dev/a"},
            {"name": "v", "devicePath": "/dev/a"},
            {"name": "none", "devicePath": ""},
        ]
    )
    document["spec"]["volumes"] = VOLUMES

    assert judged(document) == [
        (
            f'{AT}.volumeDevices[1].name: Invalid value: "v": can only use volume source type of '
            f"PersistentVolumeClaim "
            "or Ephemeral for block mode"
        ),
        f'{AT}.volumeDevices[1].devicePath: Invalid value: "/dev/a": must be unique',
        f'{AT}.volumeDevices[2].name: Not found: "none"',
        f"{AT}.volumeDevices[2].devicePath: Required value",
    ]


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"runAsUser": 0, "privileged": True, "capabilities": {"add": ["NET_ADMIN"]}}, []),
        ({"runAsUser": -1}, [".runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"]),
        ({"procMount": "Open"}, ['.procMount: Unsupported value: "Open": supported values: "Default", "Unmasked"']),
        (
            {"seccompProfile": {"type": "Localhost"}},
            [".seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost"],
        ),
        (
            {"appArmorProfile": {"type": "X"}},
            [
                (
                    '.appArmorProfile.type: Unsupported value: "X": supported values: "Localhost", "RuntimeDefault", '
                    '"Unconfined"'
                )
            ],
        ),
        (
            {"windowsOptions": {"runAsUserName": "a\\b\\c"}},
            [
                (
                    '.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot '
                    "contain more than one backslash"
                )
            ],
        ),
    ],
)
def test_security(context: dict[str, Any], expected: list[str]) -> None:
    assert of_container(securityContext=context) == [f"{AT}.securityContext{text}" for text in expected]


def test_privilege_is_escalation() -> None:
    (found,) = of_container(securityContext={"allowPrivilegeEscalation": False, "privileged": True})

    assert found.endswith("cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
