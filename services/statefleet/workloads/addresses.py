"""Give services cluster addresses and node ports that no other service has. Pure but for the draft's randomness."""

# ruff: noqa: ARG002 -- a hook has the parameters that some kind's needs

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Any, ClassVar

from statefleet.api.core.v1.service_pb2 import Service, ServiceSpec
from statefleet.errors import Cause, Internal
from statefleet.objects.kinds import SERVICE
from statefleet.objects.validation import invalid
from statefleet.store.draft import Draft
from statefleet.store.state import State
from statefleet.store.strategy import Strategy

SERVICE_NETWORK = IPv4Network("10.96.0.0/12")
"""Where cluster addresses come from, but for the first and the last of it."""
NODE_PORTS = range(30000, 32768)
"""Where node ports come from."""

_HEADLESS = "None"
_ADDRESS_FIELDS = ("cluster_ip", "cluster_ips", "ip_families", "ip_family_policy")
_GUESSES = 16
"""How many random choices are tried before the free ones are searched in order."""


class ServiceStrategy(Strategy[Service]):
    """A service keeps the addresses and ports that it was given; two services never have the same.

    What two decisions at once both take to be free is told apart at apply: each sets a mark of the address or port
    and is refused where that has been set since the state it was decided from.
    """

    defaults_status: ClassVar[bool] = True

    def prepare_create(self, message: Service, draft: Draft) -> None:
        """Take the first of several addresses as the one."""
        spec = message.spec
        if not spec.cluster_ip and spec.cluster_ips:
            spec.cluster_ip = spec.cluster_ips[0]

    def prepare_update(self, new: Service, old: Service, draft: Draft) -> None:
        """Carry over what was allocated where the update leaves it out, and drop what its new type does not have."""
        if has_address(old.spec) and has_address(new.spec):
            _carry_address(new.spec, old.spec)
        if has_node_ports(old.spec):
            _carry_node_ports(new.spec, old.spec)
        for fields, has_them in _FIELDS_OF_TYPES:
            if has_them(old.spec) and not has_them(new.spec):
                _drop_unchanged(new.spec, old.spec, fields)

    def allocate(self, new: Service, old: Service | None, draft: Draft) -> None:
        """Allocate what is not set and reserve what is. Raises Invalid where it is taken or out of range."""
        spec = new.spec
        if not has_address(spec):
            return
        _allocate_address(new, old, draft)
        if not spec.ip_families:
            spec.ip_families.append("IPv4")
        if not spec.HasField("ip_family_policy"):
            spec.ip_family_policy = "SingleStack"
        if has_node_ports(spec):
            _allocate_node_ports(new, old, draft)


def has_address(spec: ServiceSpec) -> bool:
    """Return whether the type of service has cluster addresses; None, for a headless one, counts as one."""
    return spec.type != "ExternalName"


def has_node_ports(spec: ServiceSpec) -> bool:
    """Return whether the type of service has a port on each node."""
    return spec.type in ("NodePort", "LoadBalancer")


def _is_external(spec: ServiceSpec) -> bool:
    return has_node_ports(spec) or (spec.type == "ClusterIP" and bool(spec.external_ips))


def _is_balanced(spec: ServiceSpec) -> bool:
    return spec.type == "LoadBalancer"


_FIELDS_OF_TYPES: tuple[tuple[tuple[str, ...], Callable[[ServiceSpec], bool]], ...] = (
    ((*_ADDRESS_FIELDS, "internal_traffic_policy"), has_address),
    (("external_traffic_policy",), _is_external),
    (("health_check_node_port", "allocate_load_balancer_node_ports", "load_balancer_class"), _is_balanced),
)
"""What is set on some types of service only."""


def _drop_unchanged(new: Any, old: Any, fields: Iterable[str]) -> None:
    """Clear fields that a change of type leaves behind; what was set anew is left to validation."""
    for field in fields:
        if getattr(new, field) == getattr(old, field):
            new.ClearField(field)


def _carry_address(new: Any, old: Any) -> None:
    if new.cluster_ip != old.cluster_ip and new.cluster_ips == old.cluster_ips:
        new.ClearField("cluster_ips")
        if new.cluster_ip:
            new.cluster_ips.append(new.cluster_ip)
    for field in _ADDRESS_FIELDS:
        value = getattr(old, field)
        is_moved = field == "cluster_ips" and new.cluster_ip != old.cluster_ip
        if getattr(new, field) or is_moved:
            continue
        if isinstance(value, str):
            setattr(new, field, value)
        else:
            getattr(new, field).extend(value)


def _carry_node_ports(new: ServiceSpec, old: ServiceSpec) -> None:
    stays = has_node_ports(new)
    known = {(port.protocol, port.port): port.node_port for port in old.ports}
    for port in new.ports:
        allocated = known.get((port.protocol or "TCP", port.port), 0)
        if stays and not port.node_port:
            port.node_port = allocated
        elif not stays and port.node_port == allocated:
            port.ClearField("node_port")


def _allocate_address(new: Service, old: Service | None, draft: Draft) -> None:
    spec = new.spec
    is_kept = old is not None and bool(spec.cluster_ip) and spec.cluster_ip == old.spec.cluster_ip
    if spec.cluster_ip != _HEADLESS and not is_kept:
        taken = set(_addresses(draft.state))
        if not spec.cluster_ip:
            spec.cluster_ip = _free_address(draft, taken)
        else:
            _admit_address(new, taken)
        _reserve(draft, f"cluster-ip/{spec.cluster_ip}")
    if not spec.cluster_ips:
        spec.cluster_ips.append(spec.cluster_ip)


def _addresses(state: State) -> Iterator[str]:
    for entry in state.list(SERVICE.name):
        yield from entry.message.spec.cluster_ips


def _free_address(draft: Draft, taken: set[str]) -> str:
    first = int(SERVICE_NETWORK.network_address)
    number = _free(draft, 1, SERVICE_NETWORK.num_addresses - 2, lambda offset: _text(first + offset) in taken)
    return _text(first + number)


def _text(address: int) -> str:
    return str(IPv4Address(address))


def _admit_address(service: Service, taken: set[str]) -> None:
    address = service.spec.cluster_ip
    problem = ""
    if ip_address(address) not in SERVICE_NETWORK:
        problem = (
            f"the provided IP ({address}) is not in the valid range. The range of valid IPs is {SERVICE_NETWORK}"
        )
    elif address in taken:
        problem = "provided IP is already allocated"
    if problem:
        message = f'Invalid value: ["{address}"]: failed to allocate IP {address}: {problem}'
        raise invalid(SERVICE, service.metadata.name, [Cause("FieldValueInvalid", message, "spec.clusterIPs")])


def _allocate_node_ports(new: Service, old: Service | None, draft: Draft) -> None:
    own = set() if old is None else {port.node_port for port in old.spec.ports}
    taken = set(_node_ports(draft.state)) - own
    for index, port in enumerate(new.spec.ports):
        if not port.node_port:
            port.node_port = _free(draft, NODE_PORTS[0], NODE_PORTS[-1], (taken | own).__contains__)
        elif port.node_port in taken:
            message = f"Invalid value: {port.node_port}: provided port is already allocated"
            cause = Cause("FieldValueInvalid", message, f"spec.ports[{index}].nodePort")
            raise invalid(SERVICE, new.metadata.name, [cause])
        if port.node_port not in own:
            _reserve(draft, f"node-port/{port.node_port}")
        taken.add(port.node_port)


def _node_ports(state: State) -> Iterator[int]:
    for entry in state.list(SERVICE.name):
        for port in entry.message.spec.ports:
            if port.node_port:
                yield port.node_port


def _free(draft: Draft, low: int, high: int, is_taken: Callable[[int], bool]) -> int:
    """Return a number that is not taken: a random one, else the first. Raises Internal."""
    for _ in range(_GUESSES):
        number = int(draft.rand.uniform(low, high + 1))
        if low <= number <= high and not is_taken(number):
            return number
    for number in range(low, high + 1):
        if not is_taken(number):
            return number
    raise Internal("failed to allocate: the range is full")


def _reserve(draft: Draft, mark: str) -> None:
    draft.check(mark)
    draft.mark(mark)
