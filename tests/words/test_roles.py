"""Who a certificate's names say that somebody is."""

import pytest

from headstart.words.roles import Identity, Role, identity_in


def test_what_is_written_is_read() -> None:
    bench = Identity(Role.AGENT, "bench-1.example")

    assert str(bench) == "headstart://agent/bench-1.example"
    assert identity_in(["bench-1.example", str(bench)]) == bench
    assert identity_in([f"URI:{bench}"]) == bench


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["bench-1"],
        ["headstart://root/bench-1"],
        ["headstart://agent/"],
        ["headstart://agent/a/b"],
        ["headstart://agent/a b"],
        ["headstart://agent/-a"],
        ["Headstart://agent/a"],
        [f"headstart://agent/{'a' * 254}"],
        ["headstart://agent/a", "headstart://operator/a"],
        ["headstart://agent/a", "headstart://agent/b"],
        ["headstart://agent/a", "headstart://king/a"],
    ],
)
def test_nobody_else_is_anybody(names: list[str]) -> None:
    assert identity_in(names) is None
