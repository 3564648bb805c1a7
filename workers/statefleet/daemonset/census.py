"""Keep a roster for each DaemonSet in step with the cache: what has changed is noted, and read when it is needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.daemonset.observe import SetFacts, pod_view
from statefleet.daemonset.placement import Placement, placement_changed
from statefleet.daemonset.roster import Roster
from statefleet.daemonset.views import Fit
from statefleet.objects.kinds import DAEMON_SET, NODE, POD
from statefleet.objects.meta import controller_of, is_controlled_by
from statefleet.reconcile.cache import Cache


@dataclass(slots=True)
class _Page:
    """What is known of one set, and what of it has to be read again."""

    namespace: str
    placement: Placement
    roster: Roster = field(default_factory=Roster)
    strangers: dict[str, Pod] = field(default_factory=dict)
    """Pods that the set controls and does not select."""
    pods: dict[str, None] = field(default_factory=dict)
    nodes: dict[str, None] = field(default_factory=dict)


class Census:
    """The rosters of all sets that were asked for."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._pages: dict[str, _Page] = {}
        cache.subscribe(POD, self._pod_changed)
        cache.subscribe(NODE, self._node_changed)
        cache.subscribe(DAEMON_SET, self._set_changed)

    def take(self, owner: DaemonSet, facts: SetFacts) -> tuple[Roster, list[Pod]]:
        """Return a set's roster as the cache has it now, yet to be settled, and the pods it is to release."""
        uid = owner.metadata.uid
        page = self._pages.get(uid)
        if page is None:
            page = self._pages[uid] = _Page(owner.metadata.namespace, facts.placement)
            page.nodes.update((node.metadata.name, None) for node in self._cache.list(NODE))
            page.pods.update((pod.metadata.name, None) for pod in self._cache.by_owner(POD, uid))
        elif page.placement is not facts.placement and page.placement != facts.placement:
            page.nodes.update((node.metadata.name, None) for node in self._cache.list(NODE))
        page.placement = facts.placement
        for name in page.nodes:
            node = self._cache.get(NODE, "", name)
            page.roster.set_fit(name, facts.placement.fit(node) if node is not None else Fit.GONE)
        for name in page.pods:
            self._read_pod(page, uid, name, facts)
        page.nodes.clear()
        page.pods.clear()
        return page.roster, list(page.strangers.values())

    def _read_pod(self, page: _Page, uid: str, name: str, facts: SetFacts) -> None:
        pod = self._cache.get(POD, page.namespace, name)
        page.strangers.pop(name, None)
        if pod is None or not is_controlled_by(pod.metadata, uid):
            page.roster.remove_pod(name)
            return
        view = pod_view(pod)
        if facts.selector.matches(pod.metadata.labels):
            page.roster.put_pod(view)
        else:
            page.roster.remove_pod(name)
            page.strangers[name] = pod

    def _pod_changed(self, before: Pod | None, after: Pod | None) -> None:
        for pod in (before, after):
            reference = controller_of(pod.metadata) if pod is not None else None
            page = self._pages.get(reference.uid) if reference is not None else None
            if page is not None and pod is not None:
                page.pods[pod.metadata.name] = None

    def _node_changed(self, before: Node | None, after: Node | None) -> None:
        changed = after if after is not None else before
        if changed is not None and placement_changed(before, after):
            for page in self._pages.values():
                page.nodes[changed.metadata.name] = None

    def _set_changed(self, before: DaemonSet | None, after: DaemonSet | None) -> None:
        if before is not None and (after is None or after.metadata.uid != before.metadata.uid):
            self._pages.pop(before.metadata.uid, None)
