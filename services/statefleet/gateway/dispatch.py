"""Choose the verb for a request: HTTP method, what the path names, and whether it is to be watched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from statefleet.client.fleet import Fleet
from statefleet.gateway.answers import Answer, Call, Stream
from statefleet.gateway.applying import APPLY_PATCH, apply
from statefleet.gateway.documents import content_type
from statefleet.gateway.patching import ObjectPatched, patch
from statefleet.gateway.presenting import Presenter
from statefleet.gateway.queries import Query, flag
from statefleet.gateway.reading import Reading
from statefleet.gateway.routes import Target
from statefleet.gateway.subresources import ScalePatched, Subresources
from statefleet.gateway.watching import Watching
from statefleet.gateway.writing import Writing
from statefleet.objects.kinds import NAMESPACE
from statefleet.runtime.rand import Rand

Handler = Callable[[Call], Awaitable[Answer | Stream]]

_COLLECTION, _OBJECT = "collection", "object"


@dataclass(frozen=True, slots=True)
class Verb:
    """What a request does: the name that metrics count it by, and who answers it."""

    name: str
    handle: Handler


class Dispatch:
    """Knows every verb."""

    def __init__(self, fleet: Fleet, presenter: Presenter, rand: Rand) -> None:
        self._fleet = fleet
        self._presenter = presenter
        reading, writing = Reading(fleet, presenter), Writing(fleet, presenter)
        subresources = Subresources(fleet, presenter)
        self._watch = Verb("WATCH", Watching(fleet, presenter, rand).watch)
        get, put, change = Verb("GET", reading.get), Verb("PUT", writing.update), Verb("PATCH", self._patch)
        self._verbs: dict[str, dict[str, Verb]] = {
            _COLLECTION: {
                "GET": Verb("LIST", reading.list),
                "POST": Verb("POST", writing.create),
                "DELETE": Verb("DELETECOLLECTION", writing.delete_collection),
            },
            _OBJECT: {"GET": get, "PUT": put, "PATCH": change, "DELETE": Verb("DELETE", writing.delete)},
            "status": {"GET": get, "PUT": put, "PATCH": change},
            "scale": {
                "GET": Verb("GET", subresources.get_scale),
                "PUT": Verb("PUT", subresources.update_scale),
                "PATCH": Verb("PATCH", self._patch_scale),
            },
            "binding": {"POST": Verb("POST", subresources.bind)},
            "eviction": {"POST": Verb("POST", subresources.evict)},
            "finalize": {"PUT": Verb("PUT", subresources.finalize)},
        }

    def allowed(self, target: Target) -> tuple[str, ...]:
        """Return the HTTP methods that a path has."""
        methods = tuple(self._verbs.get(_shape(target), ()))
        if target.name:
            return methods
        if target.kind.namespaced and not target.namespace:
            return ("GET",)
        return tuple(method for method in methods if method != "DELETE" or target.kind is not NAMESPACE)

    def verb(self, method: str, target: Target, query: Query) -> Verb | None:
        """Return what a request does; None where the path does not have the method."""
        method = "GET" if method == "HEAD" else method
        if method not in self.allowed(target):
            return None
        if method == "GET" and not target.name and flag(query, "watch"):
            return self._watch
        return self._verbs[_shape(target)][method]

    async def _patch(self, call: Call) -> Answer:
        if content_type(call.content_type) == APPLY_PATCH:
            return await apply(call, self._fleet, self._presenter)
        return await patch(call, ObjectPatched(self._fleet, self._presenter, call))

    async def _patch_scale(self, call: Call) -> Answer:
        return await patch(call, ScalePatched(self._fleet, call))


def _shape(target: Target) -> str:
    if target.subresource:
        return target.subresource
    return _OBJECT if target.name else _COLLECTION
