"""Write values the way Kubernetes' messages show them, which is as Go literals. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSetUpdateStrategy
from statefleet.api.apps.v1.stateful_set_pb2 import RollingUpdateStatefulSetStrategy, StatefulSetUpdateStrategy
from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.api.meta.v1.selector_pb2 import LabelSelector


class Raw(str):
    """A value that is already written as it shall be shown."""

    __slots__ = ()


Value: TypeAlias = str | int | bool | None
"""What a cause shows as the value it is about."""

_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def literal(value: Value) -> str:
    """Write a value: text in quotes, numbers and booleans plainly, None as null."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return '"null"'
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def quote(text: str) -> str:
    """Write a string literal."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in ('"', "\\"):
        return "\\" + character
    if character.isprintable():
        return character
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def string_list(values: Iterable[str]) -> Raw:
    """Write a list of strings; an empty one is nil."""
    text = ", ".join(map(quote, values))
    return Raw(f"[]string{{{text}}}" if text else "[]string(nil)")


def string_map(values: Mapping[str, str]) -> Raw:
    """Write a map of strings, keys sorted; an empty one is nil."""
    text = ", ".join(f"{quote(key)}:{quote(values[key])}" for key in sorted(values))
    return Raw(f"map[string]string{{{text}}}" if text else "map[string]string(nil)")


def int_or_string(value: IntOrString) -> Raw:
    """Write an integer or string with the tag that tells which it is."""
    return Raw(f"intstr.IntOrString{{Type:{value.type}, IntVal:{value.int_val}, StrVal:{quote(value.str_val)}}}")


def label_selector(selector: LabelSelector) -> Raw:
    """Write a label selector."""
    kind = "v1.LabelSelectorRequirement"
    expressions = ", ".join(
        f"{kind}{{Key:{quote(item.key)}, Operator:{quote(item.operator)}, Values:{string_list(item.values)}}}"
        for item in selector.match_expressions
    )
    listed = f"[]{kind}{{{expressions}}}" if expressions else f"[]{kind}(nil)"
    return Raw(f"v1.LabelSelector{{MatchLabels:{string_map(selector.match_labels)}, MatchExpressions:{listed}}}")


def rolling_update(strategy: RollingUpdateStatefulSetStrategy) -> Raw:
    """Write a StatefulSet's rolling update."""
    text = f"Partition:{strategy.partition}"
    if strategy.HasField("max_unavailable"):
        text += f", MaxUnavailable:{int_or_string(strategy.max_unavailable)}"
    return Raw(f"apps.RollingUpdateStatefulSetStrategy{{{text}}}")


def stateful_set_strategy(strategy: StatefulSetUpdateStrategy) -> Raw:
    """Write a StatefulSet's update strategy; what a pointer points to is not shown."""
    return _strategy("StatefulSetUpdateStrategy", strategy, "RollingUpdateStatefulSetStrategy")


def daemon_set_strategy(strategy: DaemonSetUpdateStrategy) -> Raw:
    """Write a DaemonSet's update strategy; what a pointer points to is not shown."""
    return _strategy("DaemonSetUpdateStrategy", strategy, "RollingUpdateDaemonSet")


def _strategy(name: str, strategy: StatefulSetUpdateStrategy | DaemonSetUpdateStrategy, rolling: str) -> Raw:
    pointer = "..." if strategy.HasField("rolling_update") else "nil"
    return Raw(f"apps.{name}{{Type:{quote(strategy.type)}, RollingUpdate:(*apps.{rolling})({pointer})}}")
