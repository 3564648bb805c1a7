"""How errors look as a Kubernetes Status."""

from statefleet.errors import Cause, Expired, Subject
from statefleet.gateway.status import failure


def test_an_expired_list_says_how_to_go_on() -> None:
    causes = (Cause("ContinueToken", "fresh", "metadata.continue"),)
    rendered = failure(Expired("the list is too old", Subject(causes=causes)))
    assert rendered["metadata"] == {"continue": "fresh"}
    assert "details" not in rendered
    assert (rendered["code"], rendered["reason"]) == (410, "Expired")


def test_what_an_error_is_about_stays_beside_the_token() -> None:
    causes = (Cause("ContinueToken", "fresh", "metadata.continue"), Cause("Other", "why"))
    rendered = failure(Expired("the list is too old", Subject(kind="pods", causes=causes)))
    assert rendered["details"] == {"kind": "pods", "causes": [{"reason": "Other", "message": "why"}]}
