from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from statefleet.coordination.zookeeper_membership import members_of, node_name


@given(st.sets(st.text(max_size=12)), st.uuids())
def test_any_member_is_read_back_from_its_node_s_name(members: set[str], guid: object) -> None:
    names = [node_name(member, str(guid)) for member in members]
    assert members_of(names) == tuple(sorted(members))
    assert not any("/" in name for name in names)


def test_a_member_that_joined_twice_counts_once_and_reads_as_it_is() -> None:
    names = [node_name("10.0.0.1:7001", "b"), node_name("10.0.0.1:7001", "a")]
    assert names[0] == "10.0.0.1:7001,b"
    assert members_of(names) == ("10.0.0.1:7001",)
