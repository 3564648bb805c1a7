"""Old API versions: which are served, what they default, and that conversion keeps the meaning both ways."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from statefleet.gateway import unserved, versions
from statefleet.objects.kinds import (
    CONTROLLER_REVISION,
    DAEMON_SET,
    ENDPOINTS,
    KINDS,
    POD,
    POD_DISRUPTION_BUDGET,
    STATEFUL_SET,
)

GENERATION = "deprecated.daemonset.template.generation"


def a_set(api_version: str, kind: str, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {"template": template, **spec},
    }


def a_budget(api_version: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "spec": spec}


@pytest.mark.surface("versions.served")
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (STATEFUL_SET, ("apps/v1", "apps/v1beta2", "apps/v1beta1")),
        (DAEMON_SET, ("apps/v1", "apps/v1beta2", "extensions/v1beta1")),
        (CONTROLLER_REVISION, ("apps/v1", "apps/v1beta2", "apps/v1beta1")),
        (POD_DISRUPTION_BUDGET, ("policy/v1", "policy/v1beta1")),
        (POD, ("v1",)),
    ],
)
def test_versions_of_a_kind_are_listed_newest_first(kind, expected):
    assert versions.all_versions(kind) == expected


def test_every_version_of_every_kind_is_found_by_its_url():
    for kind in KINDS.values():
        for api_version in versions.all_versions(kind):
            resource = versions.serves(*versions.split(api_version), kind.plural)
            assert resource is not None
            assert resource.kind is kind
            assert resource.api_version == api_version
            assert resource.is_current == (api_version == kind.api_version)


@pytest.mark.parametrize(
    ("group", "version", "plural"),
    [
        ("extensions", "v1beta1", "statefulsets"),
        ("apps", "v1beta1", "daemonsets"),
        ("apps", "v2", "statefulsets"),
        ("", "v1", "statefulsets"),
        ("apps", "v1", "statefulset"),
    ],
)
def test_what_no_version_has_is_not_served(group, version, plural):
    assert versions.serves(group, version, plural) is None


@pytest.mark.surface("versions.warning")
@pytest.mark.parametrize(
    ("group", "version", "plural", "warning"),
    [
        (
            "apps",
            "v1beta1",
            "statefulsets",
            "apps/v1beta1 StatefulSet is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 StatefulSet",
        ),
        (
            "apps",
            "v1beta2",
            "daemonsets",
            "apps/v1beta2 DaemonSet is deprecated in v1.9+, unavailable in v1.16+; use apps/v1 DaemonSet",
        ),
        (
            "policy",
            "v1beta1",
            "poddisruptionbudgets",
            (
                "policy/v1beta1 PodDisruptionBudget is deprecated in v1.21+, unavailable in v1.25+;"
                " use policy/v1 PodDisruptionBudget"
            ),
        ),
        ("", "v1", "endpoints", "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
        ("apps", "v1", "statefulsets", ""),
        ("", "v1", "pods", ""),
    ],
)
def test_a_deprecated_version_warns_in_the_words_of_kubernetes(group, version, plural, warning):
    resource = versions.serves(group, version, plural)
    assert resource is not None
    assert resource.deprecation == warning


def test_all_old_versions_warn_and_only_endpoints_of_the_current():
    warned = {
        resource.api_version + "/" + resource.kind.plural for resource in versions.served() if resource.deprecation
    }
    old = {
        resource.api_version + "/" + resource.kind.plural for resource in versions.served() if not resource.is_current
    }
    assert warned == old | {f"v1/{ENDPOINTS.plural}"}


def test_subresources_that_are_not_served_are_not_offered():
    pods = versions.serves("", "v1", "pods")
    assert pods is not None
    assert "eviction" in pods.subresources
    assert not [name for name in pods.subresources if ("pods", name) in unserved.SUBRESOURCES]


@pytest.mark.parametrize(
    ("kind", "api_version"), [(STATEFUL_SET, "apps/v1beta1"), (DAEMON_SET, "extensions/v1beta1")]
)
class TestVersionsThatReplacePodsOnDelete:
    @pytest.mark.surface("versions.old-defaults-selector", "versions.old-defaults-strategy")
    def test_absent_fields_get_the_defaults_of_the_old_version(self, kind, api_version):
        current = versions.to_current(kind, api_version, a_set(api_version, kind.name))
        assert current["apiVersion"] == "apps/v1"
        assert current["metadata"]["labels"] == {"app": "web"}
        assert current["spec"]["selector"] == {"matchLabels": {"app": "web"}}
        assert current["spec"]["updateStrategy"] == {"type": "OnDelete"}
        assert current["spec"]["revisionHistoryLimit"] == 10

    def test_null_counts_as_absent(self, kind, api_version):
        document = a_set(api_version, kind.name, selector=None, updateStrategy=None, revisionHistoryLimit=None)
        document["metadata"]["labels"] = None
        spec = versions.to_current(kind, api_version, document)["spec"]
        assert spec["selector"] == {"matchLabels": {"app": "web"}}
        assert spec["updateStrategy"] == {"type": "OnDelete"}
        assert spec["revisionHistoryLimit"] == 10

    def test_what_is_given_stays(self, kind, api_version):
        given = {
            "selector": {"matchLabels": {"tier": "x"}},
            "updateStrategy": {"type": "RollingUpdate"},
            "revisionHistoryLimit": 0,
        }
        document = a_set(api_version, kind.name, **given)
        document["metadata"]["labels"] = {"own": "label"}
        current = versions.to_current(kind, api_version, document)
        assert {name: current["spec"][name] for name in given} == given
        assert current["metadata"]["labels"] == {"own": "label"}

    def test_without_template_labels_there_is_nothing_to_select_by(self, kind, api_version):
        document = a_set(api_version, kind.name, template={"spec": {"containers": []}})
        current = versions.to_current(kind, api_version, document)
        assert "selector" not in current["spec"]
        assert "labels" not in current["metadata"]

    @pytest.mark.parametrize("broken", ["text", 3, ["list"]])
    def test_a_malformed_document_passes_for_the_decoder_to_refuse(self, kind, api_version, broken):
        for document in (
            {"apiVersion": api_version, "kind": kind.name, "spec": broken},
            {"apiVersion": api_version, "kind": kind.name, "metadata": broken, "spec": {}},
            a_set(api_version, kind.name, updateStrategy=broken),
            a_set(api_version, kind.name, template=broken),
        ):
            current = versions.to_current(kind, api_version, document)
            for name in ("metadata", "spec"):
                if document.get(name) == broken:
                    assert current[name] == broken
            if document.get("spec") != broken and "updateStrategy" in document["spec"]:
                assert current["spec"]["updateStrategy"] == broken


@pytest.mark.parametrize("kind", [STATEFUL_SET, DAEMON_SET])
def test_apps_v1beta2_has_the_defaults_of_apps_v1(kind):
    document = a_set("apps/v1beta2", kind.name)
    assert versions.to_current(kind, "apps/v1beta2", document) == a_set("apps/v1", kind.name)


class TestTemplateGeneration:
    """extensions/v1beta1 has it in the spec, apps/v1 in an annotation."""

    def test_it_moves_to_the_annotation(self):
        document = a_set("extensions/v1beta1", "DaemonSet", templateGeneration=3)
        document["metadata"]["annotations"] = {"own": "note"}
        current = versions.to_current(DAEMON_SET, "extensions/v1beta1", document)
        assert "templateGeneration" not in current["spec"]
        assert current["metadata"]["annotations"] == {"own": "note", GENERATION: "3"}

    def test_it_moves_back(self):
        document = a_set("apps/v1", "DaemonSet")
        document["metadata"]["annotations"] = {GENERATION: "3"}
        old = versions.from_current(DAEMON_SET, "extensions/v1beta1", document)
        assert old["spec"]["templateGeneration"] == 3
        assert "annotations" not in old["metadata"]

    def test_null_is_no_generation(self):
        document = a_set("extensions/v1beta1", "DaemonSet", templateGeneration=None)
        current = versions.to_current(DAEMON_SET, "extensions/v1beta1", document)
        assert "templateGeneration" not in current["spec"]
        assert "annotations" not in current["metadata"]

    def test_one_of_a_wrong_type_is_left_for_the_decoder(self):
        document = a_set("extensions/v1beta1", "DaemonSet", templateGeneration="three")
        current = versions.to_current(DAEMON_SET, "extensions/v1beta1", document)
        assert current["spec"]["templateGeneration"] == "three"

    def test_an_annotation_that_is_no_number_stays_an_annotation(self):
        document = a_set("apps/v1", "DaemonSet")
        document["metadata"]["annotations"] = {GENERATION: "x"}
        old = versions.from_current(DAEMON_SET, "extensions/v1beta1", document)
        assert old["metadata"]["annotations"] == {GENERATION: "x"}
        assert "templateGeneration" not in old["spec"]


class TestEmptySelectorsOfBudgets:
    """policy/v1beta1: an empty selector selects nothing. policy/v1: everything."""

    @staticmethod
    def selects(selector: dict[str, Any] | None, labels: dict[str, str]) -> bool:
        """Evaluate a selector as policy/v1 does."""
        if selector is None:
            return False
        for requirement in selector.get("matchExpressions") or []:
            present = requirement["key"] in labels
            if present != (requirement["operator"] == "Exists"):
                return False
        return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())

    @pytest.mark.surface("versions.empty-budget-selector")
    @pytest.mark.parametrize("empty", [{}, {"matchLabels": {}}, {"matchLabels": None, "matchExpressions": []}])
    def test_the_old_empty_selector_selects_nothing(self, empty):
        current = versions.to_current(
            POD_DISRUPTION_BUDGET, "policy/v1beta1", a_budget("policy/v1beta1", selector=empty)
        )
        assert current["apiVersion"] == "policy/v1"
        assert not self.selects(current["spec"]["selector"], {})
        assert not self.selects(current["spec"]["selector"], {"app": "web"})

    @pytest.mark.surface("versions.empty-budget-selector")
    def test_the_new_empty_selector_comes_back_as_itself(self):
        everything = a_budget("policy/v1", selector={}, minAvailable=1)
        old = versions.from_current(POD_DISRUPTION_BUDGET, "policy/v1beta1", everything)
        assert old["spec"]["selector"] != {}
        assert versions.to_current(POD_DISRUPTION_BUDGET, "policy/v1beta1", old) == everything

    @pytest.mark.surface("versions.empty-budget-selector")
    def test_the_old_empty_selector_comes_back_as_itself(self):
        nothing = a_budget("policy/v1beta1", selector={}, minAvailable=1)
        current = versions.to_current(POD_DISRUPTION_BUDGET, "policy/v1beta1", nothing)
        assert versions.from_current(POD_DISRUPTION_BUDGET, "policy/v1beta1", current) == nothing

    @pytest.mark.parametrize(
        "spec", [{}, {"selector": None}, {"selector": {"matchLabels": {"a": "b"}}}, {"selector": 1}]
    )
    def test_other_selectors_are_the_same_in_both(self, spec):
        current = versions.to_current(POD_DISRUPTION_BUDGET, "policy/v1beta1", a_budget("policy/v1beta1", **spec))
        assert current == a_budget("policy/v1", **spec)
        assert versions.from_current(POD_DISRUPTION_BUDGET, "policy/v1beta1", current) == a_budget(
            "policy/v1beta1", **spec
        )


def test_an_eviction_is_taken_in_both_versions():
    eviction = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": "web-0"}}
    assert versions.to_current("Eviction", "policy/v1beta1", eviction)["apiVersion"] == "policy/v1"
    assert versions.to_current("Eviction", "policy/v1", {**eviction, "apiVersion": "policy/v1"})["metadata"]


@pytest.mark.parametrize("api_version", ["apps/v2", "extensions/v1beta1", ""])
def test_converting_a_version_that_is_not_served_is_an_error(api_version):
    with pytest.raises(KeyError):
        versions.to_current(STATEFUL_SET, api_version, {})
    with pytest.raises(KeyError):
        versions.from_current(STATEFUL_SET, api_version, {})


def test_the_current_version_needs_no_conversion():
    document = a_set("apps/v1", "StatefulSet")
    assert versions.to_current(STATEFUL_SET, "apps/v1", document) == a_set("apps/v1", "StatefulSet")
    assert versions.from_current(STATEFUL_SET, "apps/v1", document) == a_set("apps/v1", "StatefulSet")


def test_inputs_are_never_changed():
    for kind in (STATEFUL_SET, DAEMON_SET, POD_DISRUPTION_BUDGET):
        for api_version in versions.all_versions(kind):
            document = a_set(api_version, kind.name, templateGeneration=1)
            if kind is POD_DISRUPTION_BUDGET:
                document = a_budget(api_version, selector={})
            document["metadata"]["annotations"] = {GENERATION: "1"}
            before = copy.deepcopy(document)
            versions.to_current(kind, api_version, document)
            versions.from_current(kind, api_version, document)
            assert document == before
