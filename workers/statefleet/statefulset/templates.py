"""Find the pod template of a revision: the set's own, or what the revision's data holds."""

from __future__ import annotations

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.pod_pb2 import PodTemplateSpec
from statefleet.errors import Unavailable
from statefleet.objects.kinds import CONTROLLER_REVISION
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.memo import Memo
from statefleet.statefulset.build import template_of


class Templates:
    """The templates of revisions, each decoded once."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._decoded = Memo(cache, CONTROLLER_REVISION, template_of)

    def of(self, owner: StatefulSet, revision: str, update: str) -> PodTemplateSpec:
        """Return the template of a revision of a set, of which `update` is the one of the set as it is.

        Raises Unavailable where the revision is not in the cache: it went after the plan was made.
        """
        if revision == update:
            return owner.spec.template
        found = self._cache.get(CONTROLLER_REVISION, owner.metadata.namespace, revision)
        if found is None:
            raise Unavailable(f"revision {revision} is not known yet")
        return self._decoded(found)
