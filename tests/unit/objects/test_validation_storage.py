"""What claims, persistent volumes and storage classes say, and what an update may change."""

from __future__ import annotations

from typing import Any

import pytest

from support.judging import a_document, changed, judged, judged_status, judged_update

CLAIM = a_document(
    "PersistentVolumeClaim",
    spec={
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}},
        "storageClassName": "fast",
    },
)
BOUND = changed(changed(CLAIM, "status", {"phase": "Bound", "capacity": {"storage": "2Gi"}}), "spec.volumeName", "v")
VOLUME = a_document(
    "PersistentVolume",
    spec={"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}},
)
CLASS = a_document("StorageClass", provisioner="statefleet.io/local")
FIXED = (
    "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for "
    "bound claims"
)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "accessModes",
            ["ReadAlways"],
            [
                (
                    'spec.accessModes: Unsupported value: "ReadAlways": supported values: "ReadOnlyMany", '
                    '"ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"'
                )
            ],
        ),
        (
            "accessModes",
            ["ReadWriteOncePod", "ReadOnlyMany"],
            ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
        ),
        (
            "resources",
            {"requests": {"storage": "0"}},
            ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
        ),
        (
            "volumeMode",
            "Tape",
            ['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"'],
        ),
        ("dataSource", {"kind": "PersistentVolumeClaim", "name": "y"}, []),
        (
            "dataSource",
            {"kind": "Snapshot", "name": ""},
            [
                "spec.dataSource.name: Required value",
                (
                    "spec.dataSource: Invalid value: \"Snapshot\": must be 'PersistentVolumeClaim' when "
                    "referencing the default apiGroup"
                ),
            ],
        ),
    ],
)
def test_claims(path: str, value: Any, expected: list[str]) -> None:
    assert judged(changed(CLAIM, f"spec.{path}", value)) == expected


def test_only_a_bound_claim_may_ask_for_more_room() -> None:
    size = "spec.resources.requests.storage"

    assert judged_update(changed(BOUND, size, "3Gi"), BOUND) == []
    assert judged_update(changed(CLAIM, size, "3Gi"), CLAIM) == [FIXED]
    assert judged_update(changed(BOUND, size, "1Gi"), BOUND) == [
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    ]


def test_a_claim_is_bound_once_and_keeps_its_class() -> None:
    without = changed(CLAIM, "spec.storageClassName", None)

    assert judged_update(changed(CLAIM, "spec.volumeName", "v"), CLAIM) == []
    assert judged_update(changed(BOUND, "spec.volumeName", "w"), BOUND) == [FIXED]
    assert judged_update(CLAIM, without) == []
    assert judged_update(changed(CLAIM, "spec.storageClassName", "slow"), CLAIM) == [FIXED]
    assert judged_update(changed(CLAIM, "spec.volumeMode", "Block"), CLAIM) == [
        FIXED,
        'volumeMode: Invalid value: "Block": field is immutable',
    ]


def test_status_of_a_claim() -> None:
    new = changed(BOUND, "status.capacity.storage", "-1Gi")
    new = changed(new, "status.allocatedResourceStatuses", {"cpu": "Lost"})

    found = judged_status(new, BOUND)

    assert [text.partition(":")[0] for text in found] == [
        "status.capacity[storage]",
        "status.allocatedResourceStatus",
        "status.allocatedResourceStatus",
    ]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("capacity", {}, ["spec.capacity: Required value", "spec.capacity: Unsupported value: "]),
        ("capacity", {"storage": "0"}, ['spec.capacity[storage]: Invalid value: "0": must be greater than zero']),
        ("persistentVolumeReclaimPolicy", "Burn", ['spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn"']),
        ("nfs", {"server": "s", "path": "/p"}, ["spec.nfs: Forbidden: may not specify more than 1 volume type"]),
        ("nodeAffinity", {}, ["spec.nodeAffinity.required: Required value: must specify required node constraints"]),
        ("accessModes", [], ["spec.accessModes: Required value"]),
        (
            "volumeAttributesClassName",
            "gold",
            ["spec.csi: Required value: has to be specified when using volumeAttributesClassName"],
        ),
    ],
)
def test_volumes(path: str, value: Any, expected: list[str]) -> None:
    found = judged(changed(VOLUME, f"spec.{path}", value))

    assert len(found) == len(expected)
    assert all(text.startswith(start) for text, start in zip(found, expected, strict=True))


def test_a_local_volume_is_on_a_node() -> None:
    local = changed(changed(VOLUME, "spec.hostPath", None), "spec.local", {"path": "/x"})

    assert judged(local) == ["spec.nodeAffinity: Required value: Local volume requires node affinity"]


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ({"csi": {"driver": "d", "volumeHandle": ""}}, ["csi.volumeHandle"]),
        (
            {"csi": {"driver": "d", "volumeHandle": "h", "nodeStageSecretRef": {"name": "s"}}},
            ["csi.nodeStageSecretRef.namespace"],
        ),
        (
            {"awsElasticBlockStore": {"volumeID": "", "partition": 300}},
            ["awsElasticBlockStore.volumeID", "awsElasticBlockStore.partition"],
        ),
        ({"gcePersistentDisk": {"pdName": ""}}, ["gcePersistentDisk.pdName"]),
        ({"iscsi": {"targetPortal": "", "iqn": "x", "lun": 300}}, ["iscsi.targetPortal", "iscsi.iqn", "iscsi.lun"]),
        ({"fc": {"targetWWNs": ["a"], "wwids": ["b"]}}, ["fc.targetWWNs", "fc.lun"]),
        ({"glusterfs": {"endpoints": "", "path": ""}}, ["glusterfs.endpoints", "glusterfs.path"]),
        ({"rbd": {"monitors": [], "image": ""}}, ["rbd.monitors", "rbd.image"]),
        ({"cephfs": {"monitors": []}}, ["cephfs.monitors"]),
        ({"cinder": {"volumeID": "", "secretRef": {"name": "s"}}}, ["cinder.volumeID", "cinder.secretRef.namespace"]),
        ({"flocker": {"datasetName": "a/b"}}, ["flocker.datasetName"]),
        (
            {"flexVolume": {"driver": "", "options": {"kubernetes.io/a": "b"}}},
            ["flexVolume.driver", "flexVolume.options[kubernetes.io/a]"],
        ),
        ({"quobyte": {"registry": "host", "volume": ""}}, ["quobyte.registry", "quobyte.volume"]),
        ({"azureFile": {"secretName": "", "shareName": ""}}, ["azureFile.secretName", "azureFile.shareName"]),
        ({"azureDisk": {"diskName": "d", "diskURI": "x", "kind": "Odd"}}, ["azureDisk.kind", "azureDisk.diskURI"]),
        ({"vsphereVolume": {"volumePath": ""}}, ["vsphereVolume.volumePath"]),
        ({"photonPersistentDisk": {"pdID": ""}}, ["photonPersistentDisk.pdID"]),
        ({"portworxVolume": {"volumeID": ""}}, ["portworxVolume.volumeID"]),
        ({"scaleIO": {"gateway": "", "system": "s", "volumeName": "v"}}, ["scaleIO.gateway"]),
        ({"storageos": {"volumeName": "A"}}, ["storageos.volumeName"]),
    ],
)
def test_sources_of_volumes(source: dict[str, Any], fields: list[str]) -> None:
    document = changed(
        changed(VOLUME, "spec.hostPath", None), f"spec.{next(iter(source))}", next(iter(source.values()))
    )

    assert [text.partition(": ")[0] for text in judged(document)] == [f"spec.{field}" for field in fields]


def test_where_the_data_of_a_volume_is_stays() -> None:
    assert judged_update(changed(VOLUME, "spec.storageClassName", "slow"), VOLUME) == []
    assert judged_update(changed(VOLUME, "spec.hostPath.path", "/y"), VOLUME) == [
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"
    ]
    assert judged_status(changed(VOLUME, "status.phase", "Bound"), VOLUME) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("provisioner", "", ["provisioner: Required value"]),
        (
            "reclaimPolicy",
            "Recycle",
            ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
        ),
        (
            "volumeBindingMode",
            "Later",
            ['volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"'],
        ),
        (
            "allowedTopologies",
            [{"matchLabelExpressions": [{"key": "zone", "values": ["a", "a"]}, {"key": "zone", "values": []}]}],
            [
                'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"',
                "allowedTopologies[0].matchLabelExpressions[1].values: Required value",
                'allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "zone"',
            ],
        ),
    ],
)
def test_storage_classes(path: str, value: Any, expected: list[str]) -> None:
    assert judged(changed(CLASS, path, value)) == expected


def test_how_a_class_provisions_stays() -> None:
    assert judged_update(changed(CLASS, "allowVolumeExpansion", True), CLASS) == []
    assert judged_update(changed(CLASS, "parameters", {"a": "b"}), CLASS) == [
        "parameters: Forbidden: updates to parameters are forbidden."
    ]
    assert judged_update(changed(CLASS, "volumeBindingMode", "WaitForFirstConsumer"), CLASS) == [
        'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable'
    ]
