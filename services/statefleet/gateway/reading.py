"""Answer get and list."""

from __future__ import annotations

from typing import NamedTuple

from statefleet.client.fleet import Fleet
from statefleet.errors import BadRequest
from statefleet.gateway.answers import Answer, Call
from statefleet.gateway.media import Form
from statefleet.gateway.presenting import Presenter
from statefleet.gateway.queries import ReadOptions, read_options
from statefleet.gateway.recent import Recent
from statefleet.gateway.routes import Target
from statefleet.rpc.identity import CALLED_FOR

_CACHE_BYTES = 16 * 1024 * 1024
_LARGEST_BYTES = 8 * 1024 * 1024


class _Kept(NamedTuple):
    """The objects of a whole list as JSON, and a version that they are of."""

    version: str
    items: bytes


class Reading:
    """The verbs that read once."""

    def __init__(self, fleet: Fleet, presenter: Presenter) -> None:
        self._fleet = fleet
        self._presenter = presenter
        self._lists: Recent[tuple[object, ...], _Kept] = Recent(_CACHE_BYTES, _LARGEST_BYTES)

    async def get(self, call: Call) -> Answer:
        """Answer with one object."""
        target = call.target
        version = call.query.get("resourceVersion", "")
        _check_version(version)
        message = await self._fleet.get(target.kind, target.name, target.namespace, resource_version=version)
        return self._presenter.one(target.served, message, call.accepted, call.query)

    async def list(self, call: Call) -> Answer:
        """Answer with the objects that match, or a page of them; a list that did not change is not made anew."""
        target, options = call.target, read_options(call.query)
        _check_version(options.resource_version)
        key = _key(target, options)
        kept = self._lists.find(key) if call.accepted.form is Form.OBJECT else None
        listing = await self._fleet.list(
            target.kind,
            target.namespace,
            label_selector=options.label_selector,
            field_selector=options.field_selector,
            limit=options.limit,
            continue_token=options.continue_token,
            resource_version=options.resource_version,
            resource_version_match=options.resource_version_match,
            unless_unchanged_since="" if kept is None else kept.version,
        )
        if call.accepted.form is not Form.OBJECT:
            return self._presenter.many(target.served, listing, call.accepted, call.query)
        if kept is not None and listing.unchanged:
            items = kept.items
        else:
            items = self._presenter.items(target.served, listing)
        if not (options.continue_token or listing.continue_token):
            self._lists.keep(key, _Kept(listing.resource_version, items), len(items))
        return self._presenter.listed(target.served, listing, items, call.accepted)


def _key(target: Target, options: ReadOptions) -> tuple[object, ...]:
    """Return what tells lists apart that may differ at one version; an agent's has its own nodes and pods alone."""
    served = target.served
    selectors = options.label_selector, options.field_selector
    return CALLED_FOR.get(), served.kind.name, served.api_version, target.namespace, *selectors, options.limit


def _check_version(version: str) -> None:
    if version and not version.isdecimal():
        raise BadRequest(
            f'invalid resource version: resourceVersion: Invalid value: "{version}": '
            f'strconv.ParseUint: parsing "{version}": invalid syntax'
        )
