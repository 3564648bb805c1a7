"""Build what all pods of a set have in common. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import Any

from statefleet.api.core.v1.pod_pb2 import Pod, PodTemplateSpec
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.objects.meta import REVISION_LABEL, controller_reference


def pod_from_template(owner: Any, template: PodTemplateSpec, revision: str) -> Pod:
    """Return a pod of a set, yet without a name, made from a template; `revision` is what its label says."""
    pod = Pod(spec=template.spec)
    pod.metadata.CopyFrom(
        ObjectMeta(
            generate_name=f"{owner.metadata.name}-",
            namespace=owner.metadata.namespace,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            finalizers=template.metadata.finalizers,
            owner_references=[controller_reference(owner)],
        )
    )
    pod.metadata.labels[REVISION_LABEL] = revision
    return pod
