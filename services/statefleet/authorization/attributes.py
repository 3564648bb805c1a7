"""What a request does to what, in Kubernetes' words, and the refusal of it. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import NamedTuple

from statefleet.errors import Forbidden, Subject
from statefleet.rpc.identity import Identity


class Attributes(NamedTuple):
    """A verb on a resource, such as delete on pods; or on a `path` that is no resource's, such as get on /metrics."""

    verb: str
    resource: str = ""
    """The plural, such as statefulsets."""
    group: str = ""
    namespace: str = ""
    """Empty: at the cluster scope."""
    name: str = ""
    """Empty: all, or one whose name is not known yet."""
    subresource: str = ""
    path: str = ""


def forbidden(identity: Identity, asked: Attributes, reason: str = "") -> Forbidden:
    """Return the error that tells somebody in Kubernetes' words that this is not for them."""
    text = refusal(identity, asked)
    if reason:
        text = f"{text}: {reason}"
    if asked.path:
        return Forbidden(f"forbidden: {text}", Subject())
    kind = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    what = f'{kind} "{asked.name}"' if asked.name else kind
    return Forbidden(f"{what} is forbidden: {text}", Subject(name=asked.name, group=asked.group, kind=asked.resource))


def refusal(identity: Identity, asked: Attributes) -> str:
    """Return the sentence that says who cannot do what where."""
    if asked.path:
        return f'User "{identity.name}" cannot {asked.verb} path "{asked.path}"'
    resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    return f'User "{identity.name}" cannot {asked.verb} resource "{resource}" in API group "{asked.group}" {where}'
