"""Judge the security contexts of pods and containers. Pure."""

from __future__ import annotations

import re
from typing import Final

from statefleet.api.core.v1.container_pb2 import (
    AppArmorProfile,
    SeccompProfile,
    SecurityContext,
    WindowsSecurityContextOptions,
)
from statefleet.api.core.v1.pod_pb2 import PodSecurityContext, PodSpec
from statefleet.objects.validation.literals import Raw, quote
from statefleet.objects.validation.names import dns_subdomain, sysctl, user_id
from statefleet.objects.validation.paths import validate_descending_path
from statefleet.objects.validation.report import Path, Report

_PROFILES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_PROFILE_LENGTH: Final = 4095
_CREDENTIAL_KIB: Final = 64
_IPC_SYSCTLS: Final = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_GROUP_CHANGES: Final = ("Always", "OnRootMismatch")
_GROUP_MERGES: Final = ("Merge", "Strict")
_SELINUX_CHANGES: Final = ("MountOption", "Recursive")


def validate_pod_security(report: Report, path: Path, context: PodSecurityContext, spec: PodSpec) -> None:
    """Judge the security context that a pod's containers share."""
    for name, number in (
        ("fsGroup", context.fs_group),
        ("runAsUser", context.run_as_user),
        ("runAsGroup", context.run_as_group),
    ):
        report.all_invalid((*path, name), number, user_id(number))
    for index, group in enumerate(context.supplemental_groups):
        report.all_invalid((*path, "supplementalGroups", index), group, user_id(group))
    if spec.share_process_namespace and spec.host_pid:
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        report.invalid((*path, "shareProcessNamespace"), value=True, detail=detail)
    _validate_sysctls(report, (*path, "sysctls"), context, spec)
    for name, choice, choices in (
        ("fsGroupChangePolicy", context.fs_group_change_policy, _GROUP_CHANGES),
        ("supplementalGroupsPolicy", context.supplemental_groups_policy, _GROUP_MERGES),
        ("seLinuxChangePolicy", context.selinux_change_policy, _SELINUX_CHANGES),
    ):
        if choice and choice not in choices:
            report.not_supported((*path, name), choice, choices)
    _validate_profiles(report, path, context)


def _validate_sysctls(report: Report, path: Path, context: PodSecurityContext, spec: PodSpec) -> None:
    seen: set[str] = set()
    for index, setting in enumerate(context.sysctls):
        at, name = (*path, index, "name"), setting.name
        if not name:
            report.required(at)
        elif problems := sysctl(name):
            report.all_invalid(at, name, problems)
        elif name in seen:
            report.duplicate(at, name)
        seen.add(name)
        if spec.host_network and name.startswith("net."):
            report.invalid(at, name, "may not be specified when 'hostNetwork' is true")
        elif spec.host_ipc and (name == "kernel.sem" or name.startswith(_IPC_SYSCTLS)):
            report.invalid(at, name, "may not be specified when 'hostIPC' is true")


def validate_container_security(report: Report, path: Path, context: SecurityContext, *, host_users: bool) -> None:
    """Judge a container's own security context."""
    for name, number in (("runAsUser", context.run_as_user), ("runAsGroup", context.run_as_group)):
        report.all_invalid((*path, name), number, user_id(number))
    if context.HasField("proc_mount"):
        if context.proc_mount not in ("Default", "Unmasked"):
            report.not_supported((*path, "procMount"), context.proc_mount, ("Default", "Unmasked"))
        elif context.proc_mount == "Unmasked" and host_users:
            report.invalid((*path, "procMount"), context.proc_mount, "`hostUsers` must be false to use `Unmasked`")
    _validate_escalation(report, path, context)
    _validate_profiles(report, path, context)


def _validate_escalation(report: Report, path: Path, context: SecurityContext) -> None:
    if context.allow_privilege_escalation or not context.HasField("allow_privilege_escalation"):
        return
    shown = Raw("core.SecurityContext{...}")
    if context.privileged:
        report.invalid(path, shown, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
    if "CAP_SYS_ADMIN" in context.capabilities.add:
        detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        report.invalid(path, shown, detail)


def _validate_profiles(report: Report, path: Path, context: PodSecurityContext | SecurityContext) -> None:
    if context.HasField("seccomp_profile"):
        _validate_seccomp(report, (*path, "seccompProfile"), context.seccomp_profile)
    if context.HasField("windows_options"):
        _validate_windows(report, (*path, "windowsOptions"), context.windows_options)
    if context.HasField("app_armor_profile"):
        _validate_app_armor(report, (*path, "appArmorProfile"), context.app_armor_profile)


def _validate_seccomp(report: Report, path: Path, profile: SeccompProfile) -> None:
    if not profile.type:
        report.required((*path, "type"), "type is required when seccompProfile is set")
    elif profile.type not in _PROFILES:
        report.not_supported((*path, "type"), profile.type, _PROFILES)
    local = (*path, "localhostProfile")
    if profile.type == "Localhost":
        if not profile.HasField("localhost_profile"):
            report.required(local, "must be set when seccomp type is Localhost")
        else:
            validate_descending_path(report, local, profile.localhost_profile)
    elif profile.HasField("localhost_profile"):
        shown = Raw(f"core.SeccompProfile{{Type:{quote(profile.type)}, LocalhostProfile:(*string)(...)}}")
        report.invalid(local, shown, "can only be set when seccomp type is Localhost")


def _validate_app_armor(report: Report, path: Path, profile: AppArmorProfile) -> None:
    local, name = (*path, "localhostProfile"), profile.localhost_profile
    if profile.type == "Localhost":
        if not name:
            report.required(local, "must be set when AppArmor type is Localhost")
        elif name != name.strip():
            report.invalid(local, name, "must not be padded with whitespace")
        if len(name) > _PROFILE_LENGTH:
            report.too_long(local, _PROFILE_LENGTH)
    elif not profile.type:
        report.required((*path, "type"), "type is required when appArmorProfile is set")
    elif profile.type not in _PROFILES:
        report.not_supported((*path, "type"), profile.type, _PROFILES)
    elif profile.HasField("localhost_profile"):
        report.invalid(local, name, "can only be set when AppArmor type is Localhost")


_has_control = re.compile(r"[\x00-\x1f\x7f]").search
_is_netbios = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}').fullmatch
_WINDOWS_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_is_windows_domain = re.compile(rf"{_WINDOWS_LABEL}(?:\.{_WINDOWS_LABEL})*").fullmatch
_has_forbidden = re.compile(r'["/\\:;|=,+*?<>@\[\]]').search
_is_dots_and_spaces = re.compile(r"[. ]+").fullmatch


def _validate_windows(report: Report, path: Path, options: WindowsSecurityContextOptions) -> None:
    if options.HasField("gmsa_credential_spec_name"):
        name = options.gmsa_credential_spec_name
        report.all_invalid((*path, "gmsaCredentialSpecName"), name, dns_subdomain(name))
    if options.HasField("gmsa_credential_spec"):
        at, spec = (*path, "gmsaCredentialSpec"), options.gmsa_credential_spec
        if not spec:
            report.invalid(at, spec, "gmsaCredentialSpec cannot be an empty string")
        elif len(spec.encode()) > _CREDENTIAL_KIB * 1024:
            report.invalid(at, spec, f"gmsaCredentialSpec size must be under {_CREDENTIAL_KIB} KiB")
    if options.HasField("run_as_user_name"):
        name = options.run_as_user_name
        report.all_invalid((*path, "runAsUserName"), name, _windows_user_problems(name))


def _windows_user_problems(name: str) -> list[str]:
    if not name:
        return ["runAsUserName cannot be an empty string"]
    if _has_control(name):
        return ["runAsUserName cannot contain control characters"]
    domain, backslash, user = name.rpartition("\\")
    if "\\" in domain:
        return ["runAsUserName cannot contain more than one backslash"]
    problems = []
    if len(domain) >= 256:
        problems.append("runAsUserName's Domain length must be under 256 characters")
    if backslash and not (_is_netbios(domain) or _is_windows_domain(domain)):
        problems.append("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
    if not user:
        problems.append("runAsUserName's User cannot be empty")
    elif len(user) > 104:
        problems.append("runAsUserName's User length must not be longer than 104 characters")
    if _is_dots_and_spaces(user):
        problems.append("runAsUserName's User cannot contain only periods or spaces")
    if _has_forbidden(user):
        problems.append("runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
    return problems
