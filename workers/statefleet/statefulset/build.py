"""Build the pods and claims of a StatefulSet. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import Any, Final

import orjson

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet, StatefulSetStatus
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod, PodTemplateSpec
from statefleet.api.core.v1.volume_pb2 import PersistentVolumeClaimVolumeSource, Volume, VolumeSource
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta, OwnerReference
from statefleet.objects.codec import decode
from statefleet.objects.kinds import KINDS
from statefleet.objects.meta import POD_INDEX_LABEL, POD_NAME_LABEL
from statefleet.reconcile.pods import pod_from_template
from statefleet.statefulset.actions import NewClaim
from statefleet.statefulset.observe import ordinal_of
from statefleet.statefulset.views import Reference, Status

_PATCH_DIRECTIVE: Final = "$patch"


def new_pod(owner: StatefulSet, template: PodTemplateSpec, ordinal: int, revision: str) -> Pod:
    """Return the pod of an ordinal, made from a revision's template: with its name, network name and claims."""
    pod = pod_from_template(owner, template, revision)
    pod.metadata.name = pod.spec.hostname = f"{owner.metadata.name}-{ordinal}"
    _identify(pod)
    if owner.spec.service_name:
        pod.spec.subdomain = owner.spec.service_name
    _mount_claims(owner, pod)
    return pod


def fixed_pod(owner: StatefulSet, pod: Pod) -> Pod:
    """Return a pod of the set with the labels and volumes of its ordinal, else as it is."""
    fixed = Pod()
    fixed.CopyFrom(pod)
    _identify(fixed)
    _mount_claims(owner, fixed)
    return fixed


def new_claim(owner: StatefulSet, wanted: NewClaim) -> PersistentVolumeClaim:
    """Return a claim made from the set's template of that name, with the labels of the set's selector."""
    template = next(item for item in owner.spec.volume_claim_templates if item.metadata.name == wanted.template)
    claim = PersistentVolumeClaim(spec=template.spec)
    claim.metadata.CopyFrom(
        ObjectMeta(
            name=wanted.name,
            namespace=owner.metadata.namespace,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            finalizers=template.metadata.finalizers,
            owner_references=[_reference(reference) for reference in wanted.owners],
        )
    )
    claim.metadata.labels.update(owner.spec.selector.match_labels)
    return claim


def owned_claim(claim: PersistentVolumeClaim, owners: tuple[Reference, ...]) -> PersistentVolumeClaim:
    """Return a claim with these owners; references that it has already stay as they are."""
    kept = {(item.uid, item.controller): item for item in claim.metadata.owner_references}
    references = [kept.get((owner.uid, owner.controller)) or _reference(owner) for owner in owners]
    owned = PersistentVolumeClaim()
    owned.CopyFrom(claim)
    del owned.metadata.owner_references[:]
    owned.metadata.owner_references.extend(references)
    return owned


def with_status(owner: StatefulSet, status: Status) -> StatefulSet:
    """Return what a status write needs: the set's name and uid, and the status; conditions stay as they are."""
    meta = ObjectMeta(name=owner.metadata.name, namespace=owner.metadata.namespace, uid=owner.metadata.uid)
    return StatefulSet(
        metadata=meta,
        status=StatefulSetStatus(
            observed_generation=status.observed_generation,
            replicas=status.replicas,
            ready_replicas=status.ready_replicas or None,
            current_replicas=status.current_replicas or None,
            updated_replicas=status.updated_replicas or None,
            current_revision=status.current_revision,
            update_revision=status.update_revision,
            collision_count=status.collision_count,
            conditions=owner.status.conditions,
            available_replicas=status.available_replicas,
        ),
    )


def template_of(revision: ControllerRevision) -> PodTemplateSpec:
    """Return the pod template that a revision's data holds."""
    data: dict[str, Any] = orjson.loads(revision.data.raw)
    template = {key: value for key, value in data["spec"]["template"].items() if key != _PATCH_DIRECTIVE}
    message, _ = decode(PodTemplateSpec, template)
    return message


def _identify(pod: Pod) -> None:
    pod.metadata.labels[POD_NAME_LABEL] = pod.metadata.name
    pod.metadata.labels[POD_INDEX_LABEL] = str(ordinal_of(pod.metadata.name))


def _mount_claims(owner: StatefulSet, pod: Pod) -> None:
    """Put a volume for each claim before the pod's others, in place of those of the same name."""
    names = [template.metadata.name for template in owner.spec.volume_claim_templates]
    if not names:
        return
    ordinal = ordinal_of(pod.metadata.name)
    others = [volume for volume in pod.spec.volumes if volume.name not in names]
    mounted = [_claim_volume(name, f"{name}-{owner.metadata.name}-{ordinal}") for name in names]
    del pod.spec.volumes[:]
    pod.spec.volumes.extend([*mounted, *others])


def _claim_volume(name: str, claim: str) -> Volume:
    source = PersistentVolumeClaimVolumeSource(claim_name=claim)
    return Volume(name=name, volume_source=VolumeSource(persistent_volume_claim=source))


def _reference(reference: Reference) -> OwnerReference:
    return OwnerReference(
        api_version=KINDS[reference.kind].api_version,
        kind=reference.kind,
        name=reference.name,
        uid=reference.uid,
        controller=True,
        block_owner_deletion=True,
    )
