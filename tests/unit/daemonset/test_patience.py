"""Back-off of pods that fail again and again."""

from __future__ import annotations

from statefleet.daemonset.patience import Patience


def test_the_delays_double_up_to_a_quarter_of_an_hour() -> None:
    patience, now, delays = Patience(), 0.0, []
    for _ in range(12):
        until = patience.note("set", "n1", now)
        delays.append(until - now)
        now = until
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 900.0, 900.0]


def test_each_node_of_each_set_has_its_own() -> None:
    patience = Patience()
    patience.note("set", "n1", 0)
    assert patience.note("set", "n2", 0) == 1.0
    assert patience.note("other", "n1", 0) == 1.0
    assert patience.note("set", "n1", 0) == 2.0


def test_what_was_long_ago_is_forgotten() -> None:
    patience = Patience()
    patience.note("set", "n1", 0)
    assert patience.note("set", "n1", 1801) == 1802.0


def test_a_set_that_is_gone_is_forgotten() -> None:
    patience = Patience()
    patience.note("set", "n1", 0)
    patience.forget("set")
    assert patience.note("set", "n1", 0) == 1.0
