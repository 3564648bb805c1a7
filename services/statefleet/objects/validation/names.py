"""Judge names, keys and addresses; each function returns what is wrong, in Kubernetes' words, or nothing. Pure.

Fleets repeat few names very often, so answers are remembered.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, TypeAlias

from statefleet.network import parse_ip

Problems: TypeAlias = tuple[str, ...]
"""One text for each rule that is broken."""
NameRule: TypeAlias = Callable[[str], Problems]
"""Judges the name of an object of a kind."""

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_SUBDOMAIN_UNDERSCORE_LABEL: Final = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_UNDERSCORE: Final = rf"{_SUBDOMAIN_UNDERSCORE_LABEL}(\.{_SUBDOMAIN_UNDERSCORE_LABEL})*"
_LABEL_1035: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_PERCENT: Final = "[0-9]+%"
_HEADER: Final = "[-A-Za-z0-9]+"
_ENVIRONMENT: Final = "[-._a-zA-Z][-._a-zA-Z0-9]*"
_CONFIG_KEY: Final = "[-._a-zA-Z0-9]+"
_CONDITION_REASON: Final = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_SYSCTL_SEGMENT: Final = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL: Final = rf"({_SYSCTL_SEGMENT}[\./])*{_SYSCTL_SEGMENT}"

LABEL_LENGTH: Final = 63
SUBDOMAIN_LENGTH: Final = 253
_CACHE: Final = 8192
_REMEMBERED_LENGTH: Final = 256


def _remembered(rule: NameRule) -> NameRule:
    """Remember the answers for texts of a sane length; longer ones could fill the memory."""
    remembered = lru_cache(_CACHE)(rule)

    @wraps(rule)
    def judge(text: str) -> Problems:
        return remembered(text) if len(text) <= _REMEMBERED_LENGTH else rule(text)

    return judge


def too_long(limit: int) -> str:
    """Say that a name has more characters than the limit."""
    return f"must be no more than {limit} characters"


def out_of_range(low: int, high: int) -> str:
    """Say that a number is outside an inclusive range."""
    return f"must be between {low} and {high}, inclusive"


def _mismatch(message: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')"


_LABEL_MISMATCH: Final = _mismatch(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character",
    _LABEL, "my-name", "123-abc",
)  # fmt: skip
_SUBDOMAIN_MISMATCH: Final = _mismatch(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character",
    _SUBDOMAIN, "example.com",
)  # fmt: skip
_SEARCH_MISMATCH: Final = _mismatch(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must "
    "start and end with an alphanumeric character",
    _SUBDOMAIN_UNDERSCORE, "example.com",
)  # fmt: skip
_LABEL_1035_MISMATCH: Final = _mismatch(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character",
    _LABEL_1035, "my-name", "abc-123",
)  # fmt: skip
_PERCENT_MISMATCH: Final = _mismatch(
    "a valid percent string must be a numeric string followed by an ending '%'", _PERCENT, "1%", "93%"
)
_HEADER_MISMATCH: Final = _mismatch(
    "a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name"
)
_ENVIRONMENT_MISMATCH: Final = _mismatch(
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not "
    "start with a digit",
    _ENVIRONMENT, "my.env-name", "MY_ENV.NAME", "MyEnvName1",
)  # fmt: skip
_CONFIG_KEY_MISMATCH: Final = _mismatch(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY, "key.name", "KEY_NAME", "key-name",
)  # fmt: skip
_CONDITION_REASON_MISMATCH: Final = _mismatch(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_'",
    _CONDITION_REASON, "my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB",
)  # fmt: skip

_is_label = re.compile(_LABEL).fullmatch
_is_subdomain = re.compile(_SUBDOMAIN).fullmatch
_is_search_domain = re.compile(_SUBDOMAIN_UNDERSCORE).fullmatch
_is_label_1035 = re.compile(_LABEL_1035).fullmatch
_is_percent = re.compile(_PERCENT).fullmatch
_is_header = re.compile(_HEADER).fullmatch
_is_environment_name = re.compile(_ENVIRONMENT).fullmatch
_is_config_key = re.compile(_CONFIG_KEY).fullmatch
_is_condition_reason = re.compile(_CONDITION_REASON).fullmatch
_is_sysctl = re.compile(_SYSCTL).fullmatch
_has_letter = re.compile("[a-z]").search
_is_port_characters = re.compile("[-a-z0-9]+").fullmatch


def _judge(text: str, limit: int, match: object, mismatch: str) -> Problems:
    problems = (too_long(limit),) if len(text) > limit else ()
    return problems if match else (*problems, mismatch)


@_remembered
def dns_label(text: str) -> Problems:
    """Judge a DNS label (RFC 1123): most names that become host names."""
    return _judge(text, LABEL_LENGTH, _is_label(text), _LABEL_MISMATCH)


@_remembered
def dns_subdomain(text: str) -> Problems:
    """Judge a DNS subdomain (RFC 1123): the names of most objects."""
    return _judge(text, SUBDOMAIN_LENGTH, _is_subdomain(text), _SUBDOMAIN_MISMATCH)


@_remembered
def search_domain(text: str) -> Problems:
    """Judge a DNS search path: a subdomain that may have underscores."""
    return _judge(text, SUBDOMAIN_LENGTH, _is_search_domain(text), _SEARCH_MISMATCH)


@_remembered
def dns_1035_label(text: str) -> Problems:
    """Judge a DNS label of the older RFC 1035: the names of Services."""
    return _judge(text, LABEL_LENGTH, _is_label_1035(text), _LABEL_1035_MISMATCH)


def path_segment(text: str) -> Problems:
    """Judge a name that only has to stand in a URL."""
    if text in (".", ".."):
        return (f"may not be '{text}'",)
    return tuple(f"may not contain '{character}'" for character in "/%" if character in text)


def generated(rule: NameRule, prefix: str) -> Problems:
    """Judge the beginning of a name that will get an ending: a dash may stand at its end."""
    return rule(prefix[:-1] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix)


@_remembered
def port_name(text: str) -> Problems:
    """Judge the name of a port (RFC 6335)."""
    problems = [too_long(15)] if len(text) > 15 else []
    if not _is_port_characters(text):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _has_letter(text):
        problems.append("must contain at least one letter or number (a-z, 0-9)")
    if "--" in text:
        problems.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return tuple(problems)


def port_number(port: int) -> Problems:
    """Judge a port's number."""
    return () if 1 <= port <= 65535 else (out_of_range(1, 65535),)


def user_id(number: int) -> Problems:
    """Judge the number of a user or a group."""
    return () if 0 <= number <= 2**31 - 1 else (out_of_range(0, 2**31 - 1),)


def percent(text: str) -> Problems:
    """Judge a percentage such as 25%."""
    return () if _is_percent(text) else (_PERCENT_MISMATCH,)


def http_header(text: str) -> Problems:
    """Judge the name of an HTTP header."""
    return () if _is_header(text) else (_HEADER_MISMATCH,)


def condition_reason(text: str) -> Problems:
    """Judge the reason of a condition."""
    return () if _is_condition_reason(text) else (_CONDITION_REASON_MISMATCH,)


def sysctl(text: str) -> Problems:
    """Judge the name of a kernel parameter."""
    if len(text) <= SUBDOMAIN_LENGTH and _is_sysctl(text):
        return ()
    return (f"must have at most {SUBDOMAIN_LENGTH} characters and match regex ^{_SYSCTL}$",)


def _looks_like_directory(text: str) -> Problems:
    if text == ".":
        return ("must not be '.'",)
    if text == "..":
        return ("must not be '..'",)
    return ("must not start with '..'",) if text.startswith("..") else ()


@_remembered
def environment_name(text: str) -> Problems:
    """Judge the name of an environment variable."""
    problems = () if _is_environment_name(text) else (_ENVIRONMENT_MISMATCH,)
    return (*problems, *_looks_like_directory(text))


@_remembered
def config_key(text: str) -> Problems:
    """Judge a key of a ConfigMap or a Secret."""
    problems: Problems = (too_long(SUBDOMAIN_LENGTH),) if len(text) > SUBDOMAIN_LENGTH else ()
    if not _is_config_key(text):
        problems = (*problems, _CONFIG_KEY_MISMATCH)
    return (*problems, *_looks_like_directory(text))


def ip_address(text: str) -> Problems:
    """Judge an IP address."""
    if parse_ip(text) is None:
        return ("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",)
    return ()


def cidr(text: str) -> Problems:
    """Judge a range of addresses in CIDR notation."""
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return ("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",)
    return () if "/" in text else ("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",)


def public_ip(text: str) -> Problems:
    """Judge an address that others shall reach: it may not be unspecified, loopback or link-local."""
    address = parse_ip(text)
    if address is None:
        return ("must be a valid IP address",)
    problems = []
    if address.is_unspecified:
        problems.append(f"may not be unspecified ({text})")
    if address.is_loopback:
        problems.append("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        problems.append("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if address in _LINK_LOCAL_MULTICAST[address.version]:
        problems.append("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    return tuple(problems)


_LINK_LOCAL_MULTICAST: Final = {
    4: ipaddress.ip_network("224.0.0.0/24"),
    6: ipaddress.ip_network("ff02::/16"),
}


def two_families(addresses: list[str]) -> bool:
    """Return whether both address families occur among valid addresses."""
    return len({address.version for text in addresses if (address := parse_ip(text)) is not None}) == 2
