from __future__ import annotations

from statefleet.gateway.recent import Recent


def kept(recent: Recent[str, int], keys: str) -> str:
    return "".join(key for key in keys if recent.find(key) is not None)


def test_the_least_recently_used_go_first() -> None:
    recent: Recent[str, int] = Recent(10, 10)
    for key in "abc":
        recent.keep(key, 1, 3)
    assert recent.find("a") == 1
    recent.keep("d", 1, 4)
    assert kept(recent, "abcd") == "acd"


def test_a_value_takes_the_place_of_the_one_before() -> None:
    recent: Recent[str, int] = Recent(10, 10)
    for number in range(5):
        recent.keep("a", number, 6)
    recent.keep("b", 1, 4)
    assert (recent.find("a"), recent.find("b")) == (4, 1)


def test_what_is_too_large_is_not_kept_and_pushes_nothing_out() -> None:
    recent: Recent[str, int] = Recent(10, 5)
    recent.keep("a", 1, 5)
    recent.keep("b", 1, 6)
    assert kept(recent, "ab") == "a"
    recent.keep("a", 2, 6)
    assert kept(recent, "a") == ""
