"""Answer get and list."""

from __future__ import annotations

from statefleet.client.fleet import Fleet
from statefleet.errors import BadRequest
from statefleet.gateway.answers import Answer, Call
from statefleet.gateway.presenting import Presenter
from statefleet.gateway.queries import read_options


class Reading:
    """The verbs that read once."""

    def __init__(self, fleet: Fleet, presenter: Presenter) -> None:
        self._fleet = fleet
        self._presenter = presenter

    async def get(self, call: Call) -> Answer:
        """Answer with one object."""
        target = call.target
        version = call.query.get("resourceVersion", "")
        _check_version(version)
        message = await self._fleet.get(target.kind, target.name, target.namespace, resource_version=version)
        return self._presenter.one(target.served, message, call.accepted, call.query)

    async def list(self, call: Call) -> Answer:
        """Answer with the objects that match, or a page of them."""
        target, options = call.target, read_options(call.query)
        _check_version(options.resource_version)
        listing = await self._fleet.list(
            target.kind,
            target.namespace,
            label_selector=options.label_selector,
            field_selector=options.field_selector,
            limit=options.limit,
            continue_token=options.continue_token,
            resource_version=options.resource_version,
            resource_version_match=options.resource_version_match,
        )
        return self._presenter.many(target.served, listing, call.accepted, call.query)


def _check_version(version: str) -> None:
    if version and not version.isdecimal():
        raise BadRequest(
            f'invalid resource version: resourceVersion: Invalid value: "{version}": '
            f'strconv.ParseUint: parsing "{version}": invalid syntax'
        )
