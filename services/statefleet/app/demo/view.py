"""What the demo knows of the fleet at each moment. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.object.v1.verbs_pb2 import WatchEvent, WatchResponse
from statefleet.objects.meta import REVISION_LABEL, is_deleting
from statefleet.objects.pods import is_ready


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod as a line of the table shows it."""

    name: str
    app: str
    phase: str
    """Pending, ContainerCreating, Running, Ready, Terminating or what a container waits for."""
    node: str
    cpu: str
    image: str
    revision: str
    uid: str

    @property
    def tag(self) -> str:
        """What follows the colon in its image's name."""
        return self.image.rpartition(":")[2]

    @property
    def ready(self) -> bool:
        """Whether it serves."""
        return self.phase == "Ready"


def view_of(pod: Pod) -> PodView:
    """Return the view of a pod."""
    container = pod.spec.containers[0]
    requests = container.resources.requests
    return PodView(
        name=pod.metadata.name,
        app=pod.metadata.labels.get("app", ""),
        phase=_phase(pod),
        node=pod.spec.node_name,
        cpu=requests["cpu"].string if "cpu" in requests else "",
        image=container.image,
        revision=pod.metadata.labels.get(REVISION_LABEL, "").rpartition("-")[2],
        uid=pod.metadata.uid,
    )


def _phase(pod: Pod) -> str:
    if is_deleting(pod.metadata):
        return "Terminating"
    if is_ready(pod):
        return "Ready"
    for status in pod.status.container_statuses:
        if status.state.HasField("waiting"):
            return str(status.state.waiting.reason)
    return str(pod.status.phase)


class FleetPicture:
    """The pods there are, and the story of each change."""

    def __init__(self) -> None:
        self.pods: dict[str, PodView] = {}
        self.story: list[tuple[str, str]] = []
        """Each change in the order it came: the pod's name and its phase, Gone where it went."""

    def take(self, response: WatchResponse) -> None:
        """Take what a watch of pods told."""
        for event in response.events:
            if not event.HasField("object"):
                continue
            view = view_of(event.object.pod)
            before = self.pods.get(view.name)
            if event.type == WatchEvent.TYPE_DELETED:
                self.pods.pop(view.name, None)
                self.story.append((view.name, "Gone"))
            else:
                self.pods[view.name] = view
                if before is None or (before.uid, before.phase) != (view.uid, view.phase):
                    self.story.append((view.name, view.phase))

    def of(self, app: str) -> dict[str, PodView]:
        """Return the pods of an application by name."""
        return {name: pod for name, pod in sorted(self.pods.items()) if pod.app == app}

    def ready(self, app: str, count: int) -> bool:
        """Return whether an application has just so many pods and all are ready."""
        pods = self.of(app)
        return len(pods) == count and all(pod.ready for pod in pods.values())

    def order_of(self, phase: str, since: int) -> list[str]:
        """Return the pods that came to a phase, in order, from a place in the story on."""
        return [name for name, reached in self.story[since:] if reached == phase]
