"""The story that the demo plays: the life of an ensemble, a cluster and their hosts' exporters."""

from __future__ import annotations

from collections.abc import Callable

from statefleet.app.demo.exporter import EXPORTER_SCENES
from statefleet.app.demo.scene import Scene, Step, check, kubectl
from statefleet.app.demo.view import FleetPicture

KAFKA_IMAGE = "gcr.io/google_containers/kubernetes-kafka"
_CPU = "/spec/template/spec/containers/0/resources/requests/cpu"


def _patch_cpu(cpu: str, until: Callable[[FleetPicture], bool] | None = None, *, quiet: bool = False) -> Step:
    patch = f'[{{"op":"replace","path":"{_CPU}","value":"{cpu}"}}]'
    return kubectl("patch sts kafka --type=json -p", until, patch, quiet=quiet)


def _partition(number: int, until: Callable[[FleetPicture], bool] | None = None) -> Step:
    strategy = f'{{"type":"RollingUpdate","rollingUpdate":{{"partition":{number}}}}}'
    return kubectl("patch sts kafka -p", until, f'{{"spec":{{"updateStrategy":{strategy}}}}}')


def _cpus(*wanted: str) -> Callable[[FleetPicture], bool]:
    """Wait for kafka's three pods to be ready with these CPU requests, from ordinal 0 on."""

    def reached(picture: FleetPicture) -> bool:
        return picture.ready("kafka", 3) and [pod.cpu for pod in picture.of("kafka").values()] == list(wanted)

    return reached


def _images(tag: str) -> Callable[[FleetPicture], bool]:
    def reached(picture: FleetPicture) -> bool:
        return picture.ready("kafka", 3) and all(pod.image.endswith(tag) for pod in picture.of("kafka").values())

    return reached


def _stuck(picture: FleetPicture) -> bool:
    return any(pod.phase == "ImagePullBackOff" for pod in picture.of("kafka").values())


def _together(picture: FleetPicture, since: int) -> str:
    first_ready = picture.story.index(("zk-0", "Ready"), since)
    begun = {name for name, _ in picture.story[since:first_ready]}
    check(held=begun >= {"zk-0", "zk-1", "zk-2"}, complaint="the pods did not start together")
    return "all three started at once, each on its own node with a volume of its own"


def _in_order(picture: FleetPicture, since: int) -> str:
    order = picture.order_of("Terminating", since)
    check(held=order == ["kafka-2", "kafka-1", "kafka-0"], complaint=f"the pods were updated in the order {order}")
    ready = picture.order_of("Ready", since)
    check(held=ready == order, complaint=f"the pods became ready in the order {ready}")
    return "kafka-2, kafka-1, kafka-0: each was ready before the next one stopped"


def _old_revision(picture: FleetPicture, since: int) -> str:
    moved = set(picture.order_of("Terminating", since))
    check(held=moved == {"kafka-1"}, complaint=f"{sorted(moved)} moved")
    return "nothing moved but kafka-1, and it came back at the old revision: 250m"


def _canary(picture: FleetPicture, since: int) -> str:
    moved = picture.order_of("Terminating", since)
    check(held=moved == ["kafka-2"], complaint=f"{moved} moved")
    return "kafka-2 alone has the update: the canary"


def _phased(picture: FleetPicture, since: int) -> str:
    moved = picture.order_of("Terminating", since)
    check(held=moved == ["kafka-1", "kafka-0"], complaint=f"{moved} moved")
    return "kafka-1, then kafka-0, each when the partition allowed it"


def _healed(picture: FleetPicture, since: int) -> str:
    moved = set(picture.order_of("Terminating", since))
    check(held=moved == {"kafka-2"}, complaint=f"{sorted(moved)} moved")
    return "the bad image cost one pod, and the rollback replaced it; the others never stopped"


def _kept(picture: FleetPicture, _since: int) -> str:
    check(held=not picture.pods, complaint="pods are left")
    return "pods, sets, services and budgets went; the claims stayed until they were deleted by name"


SCENES = (
    Scene(
        "Create an ensemble",
        "A ZooKeeper ensemble of three: Parallel, one pod a node, a volume each, a disruption budget.",
        (
            kubectl("apply -f {examples}/zookeeper.yaml", lambda picture: picture.ready("zk", 3)),
            kubectl("get pvc"),
        ),
        _together,
    ),
    Scene(
        "Create a Kafka cluster",
        "Three brokers, one a node, close to the ensemble.",
        (kubectl("apply -f {examples}/kafka.yaml", lambda picture: picture.ready("kafka", 3)), kubectl("get sts")),
    ),
    Scene(
        "Update it, pod by pod",
        "Any change of the template rolls through the set, from the highest ordinal down.",
        (_patch_cpu("250m", _cpus("250m", "250m", "250m")), kubectl("rollout status sts kafka")),
        _in_order,
    ),
    Scene(
        "Stage the next update",
        "With the partition at 3 an update waits. A pod that dies meanwhile comes back as it was.",
        (
            _partition(3),
            _patch_cpu("0.3", quiet=True),
            kubectl("delete pod kafka-1", _cpus("250m", "250m", "250m")),
        ),
        _old_revision,
    ),
    Scene(
        "Send a canary",
        "The partition at 2 lets the highest ordinal through, and no other.",
        (_partition(2, _cpus("250m", "250m", "300m")),),
        _canary,
    ),
    Scene(
        "Phase the rest",
        "Move the partition down when the canary sings.",
        (_partition(1, _cpus("250m", "300m", "300m")), _partition(0, _cpus("300m", "300m", "300m"))),
        _phased,
    ),
    Scene(
        "Break it, and roll back",
        "An image that does not exist stops the update at its first pod. The rollback heals it by itself.",
        (
            kubectl(f"set image sts/kafka k8skafka={KAFKA_IMAGE}:bad", _stuck),
            kubectl("rollout history sts kafka"),
            kubectl("rollout undo sts kafka", _images(":1.0-10.2.1")),
        ),
        _healed,
    ),
    Scene(
        "Clean up",
        "What was declared goes; what was stored stays until it is told to go.",
        (
            kubectl("delete -f {examples}/kafka.yaml", lambda picture: not picture.of("kafka")),
            kubectl("delete -f {examples}/zookeeper.yaml", lambda picture: not picture.pods),
            kubectl("get pvc"),
            kubectl("delete pvc --all"),
        ),
        _kept,
    ),
    *EXPORTER_SCENES,
)
"""The whole story."""
