"""DaemonSets over the real services."""

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.daemonset.placement import target_node
from statefleet.objects.kinds import POD
from statefleet.objects.meta import controller_of
from statefleet.objects.pods import is_ready
from support.daemon_objects import daemon_set
from support.working_fleet import WorkingFleet


async def test_a_pod_that_was_let_go_leaves_its_place_to_another(working: WorkingFleet) -> None:
    await working.with_nodes("n1")
    await working.create(daemon_set())

    def owned() -> Pod | None:
        found = [pod for pod in working.list(POD) if controller_of(pod.metadata) is not None and is_ready(pod)]
        return found[0] if len(found) == 1 else None

    for released in range(3):
        pod = await working.until(owned)
        assert (target_node(pod), len(working.list(POD))) == ("n1", released + 1)
        await working.change(POD, pod.metadata.name, lambda it: it.metadata.labels.update(app="elsewhere"))
        await working.until_shown(POD, pod.metadata.name, lambda it: controller_of(it.metadata) is None)
