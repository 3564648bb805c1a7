"""Name what a pod mounts or is given values of, which its node has to read. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.volume_pb2 import Volume

SECRET, CONFIG_MAP, CLAIM = "Secret", "ConfigMap", "PersistentVolumeClaim"


def mounts(pod: Pod, kind: str, name: str) -> bool:
    """Return whether a pod needs the object of a kind and name in its namespace."""
    return (kind, name) in needed(pod)


def needed(pod: Pod) -> Iterator[tuple[str, str]]:
    """Yield the kind and name of each object of a pod's namespace that it needs."""
    spec = pod.spec
    for volume in spec.volumes:
        yield from _of_volume(pod.metadata.name, volume)
    for container in chain(spec.init_containers, spec.containers):
        yield from _of_container(container)
    for reference in spec.image_pull_secrets:
        yield SECRET, reference.name


def _of_volume(pod: str, volume: Volume) -> Iterator[tuple[str, str]]:
    source = volume.volume_source
    if source.HasField("secret"):
        yield SECRET, source.secret.secret_name
    if source.HasField("config_map"):
        yield CONFIG_MAP, source.config_map.local_object_reference.name
    if source.HasField("persistent_volume_claim"):
        yield CLAIM, source.persistent_volume_claim.claim_name
    if source.HasField("ephemeral"):
        yield CLAIM, f"{pod}-{volume.name}"
    for projection in source.projected.sources:
        if projection.HasField("secret"):
            yield SECRET, projection.secret.local_object_reference.name
        if projection.HasField("config_map"):
            yield CONFIG_MAP, projection.config_map.local_object_reference.name


def _of_container(container: Container) -> Iterator[tuple[str, str]]:
    for source in container.env_from:
        if source.HasField("secret_ref"):
            yield SECRET, source.secret_ref.local_object_reference.name
        if source.HasField("config_map_ref"):
            yield CONFIG_MAP, source.config_map_ref.local_object_reference.name
    for variable in container.env:
        given = variable.value_from
        if given.HasField("secret_key_ref"):
            yield SECRET, given.secret_key_ref.local_object_reference.name
        if given.HasField("config_map_key_ref"):
            yield CONFIG_MAP, given.config_map_key_ref.local_object_reference.name
