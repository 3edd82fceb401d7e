"""What `headstart agent` says of a policy file that is wrong."""

from pathlib import Path

from support.running import headstart


def test_each_mistake_of_a_policy_is_a_line(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('commands = "yes"\nbuild = true\n')

    ended = headstart("agent", "--policy", policy, "--state", tmp_path / "state")

    first, *lines = ended.errors.splitlines()
    assert ended.status == 2
    assert first == f"headstart: {policy} is no policy:"
    assert [line.split(": ")[:2] for line in lines] == [
        ["  line 1", "commands"],
        ["  line 2", "build"],
    ]
