"""Judge by the events of its pods whether a rolling update, of one pod at a time, keeps its order."""

from __future__ import annotations

from typing import Any

from support.api import Event, Json


class RollingUpdate:
    """Watches a set go over to an image. `violations` tell what was out of order.

    A pod may be deleted only where it is not updated yet and every pod of a higher ordinal is, and is ready. That
    holds whoever crashes in between; nothing else deletes pods meanwhile.
    """

    def __init__(self, pods: list[Json], replicas: int, image: str) -> None:
        self.violations: list[str] = []
        self.deleted: list[int] = []
        """The ordinals of the pods that were deleted, in that order."""
        self._replicas = replicas
        self._image = image
        self._pods = {_ordinal(pod): pod for pod in pods}

    @property
    def done(self) -> bool:
        """Whether every pod is updated and ready."""
        return all(self._is_done(ordinal) for ordinal in range(self._replicas))

    def take(self, event: Event) -> None:
        """Take the next event of the pods."""
        if event.type == "BOOKMARK":
            return
        pod, ordinal = event.object, _ordinal(event.object)
        before = self._pods.get(ordinal)
        if event.type == "ADDED" and before is not None:
            self.violations.append(f"there were two pods {ordinal}")
        if event.type == "DELETED":
            self._pods.pop(ordinal, None)
            return
        if _is_deleting(pod) and not (before and _is_deleting(before)):
            self._judge(ordinal, pod)
        self._pods[ordinal] = pod

    def _judge(self, ordinal: int, pod: Json) -> None:
        self.deleted.append(ordinal)
        if _image(pod) == self._image:
            self.violations.append(f"pod {ordinal} was deleted though it was updated")
        early = [higher for higher in range(ordinal + 1, self._replicas) if not self._is_done(higher)]
        if early:
            self.violations.append(f"pod {ordinal} was deleted before {early} were updated and ready")

    def _is_done(self, ordinal: int) -> bool:
        pod = self._pods.get(ordinal)
        return pod is not None and _image(pod) == self._image and is_ready(pod) and not _is_deleting(pod)


def is_ready(pod: Json) -> bool:
    """Return whether a pod's condition Ready is true."""
    conditions: list[Any] = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _ordinal(pod: Json) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


def _image(pod: Json) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def _is_deleting(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]
