"""Refuse early, and in the caller's words, what the services would refuse. Pure: no I/O, clock or randomness.

A patch is a read and a write to the services; that the caller may not patch is known here alone.
"""

from __future__ import annotations

from statefleet.authorization.attributes import Attributes, forbidden
from statefleet.authorization.roles import Decision, decide
from statefleet.gateway.resource_metrics import Named
from statefleet.gateway.routes import Target
from statefleet.rpc.identity import Identity

_VERBS = {
    "GET": "get",
    "LIST": "list",
    "WATCH": "watch",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
    "DELETECOLLECTION": "deletecollection",
}


def attributes(verb: str, method: str, target: Target) -> Attributes:
    """Return what a request does, given the verb that metrics count it by."""
    kind = target.kind
    return Attributes(
        _VERBS.get(verb, method.lower()), kind.plural, kind.group, target.namespace, target.name, target.subresource
    )


def measuring(named: Named) -> Attributes:
    """Return what a request for metrics of nodes or pods does."""
    resource = named.resource
    return Attributes("get" if named.name else "list", resource.plural, resource.group, named.namespace, named.name)


def admit(caller: Identity, asked: Attributes) -> None:
    """Raise Forbidden for what is not for the caller. What is for some agents is for the services to decide."""
    if decide(caller, asked) is Decision.DENIED:
        raise forbidden(caller, asked)
