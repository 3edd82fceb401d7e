"""`headstart enroll` and `headstart token`, as a person uses them."""

import os
import re
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from headstart.agent.uplink.enrolled import enrolled_in, keep
from headstart.collector.identity.authority import Authority
from headstart.collector.identity.presented import requested_key
from headstart.words.enrolment_token import EnrolmentToken, token_of
from headstart.words.foreign.certificates import pinned_problem
from support.enrolling import request_of
from support.headstart_programs import Program, program
from support.running import HEADSTART, Ran, headstart


@dataclass
class Person:
    """Somebody on a machine: a home, and what they say there."""

    home: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
        }

    def says(self, *arguments: str | Path) -> Ran:
        return headstart(*arguments, env=self.env)


@dataclass
class Here:
    """A collector, and its owner, who alone reaches its socket."""

    program: Program
    socket: str
    port: int
    owner: Person

    def token(self, *options: str) -> str:
        made = self.owner.says("token", "create", "--collector", self.socket, *options)
        assert made.status == 0, made.errors
        return made.output.strip()


@contextmanager
def collector(folder: Path, *options: str, port: int = 0, enroll: int = 0) -> Iterator[Here]:
    folder.mkdir(exist_ok=True)
    (folder / "run").mkdir(mode=0o700, exist_ok=True)
    socket = f"unix:{folder / 'run' / 'c.sock'}"
    with program(
        *("collector", "--data", folder / "data", "--metrics-listen", "none"),
        *("--listen", socket, "--listen", f"127.0.0.1:{port}"),
        *("--enroll-listen", f"127.0.0.1:{enroll}", *options),
    ) as running:
        found = running.line(r"127\.0\.0\.1:\d+.* enrolment_port=(\d+)")
        yield Here(running, socket, int(found[1]), Person(folder))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with collector(tmp_path / "collector") as running:
        yield running


@pytest.fixture
def anna(tmp_path: Path) -> Person:
    (tmp_path / "anna").mkdir()
    return Person(tmp_path / "anna")


def test_from_nothing_to_two_hosts_and_a_person(here: Here, anna: Person, tmp_path: Path) -> None:
    token = here.token("--role", "agent", "--uses", "2")
    for name in ("a", "b"):
        told = anna.says("enroll", token, "--name", name, "--state", tmp_path / name)
        assert told.status == 0, told.errors
        assert f"enrolled as agent '{name}' with the collector at 127.0.0.1:" in told.output
        assert f"next: headstart agent --state {tmp_path / name}" in told.output
    used = anna.says("enroll", token, "--name", "c", "--state", tmp_path / "c")
    assert (used.status, used.output) == (2, "")
    assert "was used 2 times" in used.errors
    assert not list(tmp_path.glob("c/identity"))

    told = anna.says("enroll", here.token("--role", "operator", "--name", "anna"))
    assert "next: headstart status" in told.output
    with (
        program("agent", "--state", tmp_path / "a", env=anna.env) as first,
        program("agent", "--state", tmp_path / "b", env=anna.env) as second,
    ):
        first.line("attending 127.0.0.1:")
        second.line("attending 127.0.0.1:")
        status = anna.says("status")
    assert re.search(r"^a: connected", status.output, re.MULTILINE), status
    assert re.search(r"^b: connected", status.output, re.MULTILINE)
    listed = anna.says("token", "list").output.splitlines()
    assert ["2 of 2 uses" in line or "1 of 1 uses" in line for line in listed] == [True, True]

    files = sorted(each for each in tmp_path.glob("a/identity/*"))
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700


def test_an_identity_is_used_over_a_restart_of_the_collector(tmp_path: Path, anna: Person) -> None:
    with collector(tmp_path / "collector") as here:
        anna.says("enroll", here.token("--role", "operator", "--name", "anna"))
        said = here.program.said[-1]
    port = re.search(r"127\.0\.0\.1:(\d+)", said)
    assert port
    with collector(tmp_path / "collector", port=int(port[1])):
        status = anna.says("status")

    assert status.status == 0, status.errors


def test_an_agents_name_is_that_of_its_certificate(
    here: Here, anna: Person, tmp_path: Path
) -> None:
    anna.says("enroll", here.token("--role", "agent", "--name", "a"), "--state", tmp_path / "a")
    other = anna.says("agent", "--state", tmp_path / "a", "--host", "b")

    assert other.status == 2
    assert "--host b: this host is enrolled as 'a'; leave --host out" in other.errors


def test_a_persons_identity_is_no_agents(here: Here, anna: Person, tmp_path: Path) -> None:
    token = here.token("--role", "reader", "--name", "eve")
    assert anna.says("enroll", token, "--state", tmp_path / "eve").status == 0

    agent = anna.says("agent", "--state", tmp_path / "eve")
    assert agent.status == 2
    assert "is for reader 'eve', not for an agent" in agent.errors
    status = anna.says("status", "--identity", tmp_path / "eve")
    assert status.status == 0, status.errors
    nothing = anna.says("status", "--identity", tmp_path)
    assert nothing.status == 2
    assert "no identity is there" in nothing.errors


def test_an_agent_has_the_identity_of_its_state_and_never_its_users(
    here: Here, anna: Person, tmp_path: Path
) -> None:
    anna.says("enroll", here.token("--role", "operator", "--name", "anna"))
    nobody = anna.says("agent", "--collector", "127.0.0.1:7", "--state", tmp_path / "b")
    anna.says("enroll", here.token("--role", "agent", "--name", "a"), "--state", tmp_path / "a")
    found = enrolled_in(tmp_path / "a" / "identity")
    assert found is not None

    assert nobody.status == 2
    assert "--collector 127.0.0.1:7 is TCP: enroll first" in nobody.errors
    options = ("--state", tmp_path / "a", "--collector", found.collector)
    with program("agent", *options, env=anna.env) as agent:
        agent.line(f"attending {found.collector}")
    # A person's commands are by the person's, whatever port they name.
    assert anna.says("status", "--collector", found.collector).status == 0


def test_only_who_replaces_an_agents_identity_is_told_of_the_agent(
    here: Here, anna: Person, tmp_path: Path
) -> None:
    said = {}
    for role in ("operator", "agent"):
        for name in ("one", "two"):
            token = here.token("--role", role, "--name", name)
            said[role] = anna.says("enroll", token, "--state", tmp_path / role).output

    for words in said.values():
        assert "replaced: " in words
    assert "an agent that runs here" not in said["operator"]
    assert "an agent that runs here goes on as before" in said["agent"]


def test_a_token_is_read_from_standard_input(here: Here, anna: Person) -> None:
    token = here.token("--role", "reader", "--name", "eve")

    done = subprocess.run(
        [HEADSTART, "enroll", "-"], input=f"{token}\n", env=os.environ | anna.env, text=True
    )
    assert done.returncode == 0


def test_another_collector_at_the_address_is_told_and_gets_nothing(
    here: Here, anna: Person, tmp_path: Path
) -> None:
    theirs = here.token("--role", "agent")
    with collector(tmp_path / "other") as other:
        ours = token_of(theirs)
        astray = EnrolmentToken(
            f"127.0.0.1:{other.port}", ours.authority, ours.token_id, ours.secret, ours.role
        )
        told = anna.says("enroll", astray.text(), "--state", tmp_path / "a")

    assert told.status == 3
    assert "another collector answers there than the one that made the token" in told.errors
    assert not any("action=enroll" in line for line in other.program.said)


def test_what_answers_nowhere_or_by_another_name_is_told(
    here: Here, anna: Person, tmp_path: Path
) -> None:
    token = token_of(here.token("--role", "agent"))

    def told(address: str) -> str:
        moved = EnrolmentToken(
            address, token.authority, token.token_id, token.secret, token.role, token.name
        )
        ran = anna.says("enroll", moved.text(), "--state", tmp_path / "a", "--name", "a")
        assert ran.status == 3
        return ran.errors

    assert "with --enroll-listen, and is this its address?" in told("127.0.0.1:1")
    assert "certificate is not for '127.0.0.2': start it with --advertise" in told(
        f"127.0.0.2:{here.port}"
    ) or "Connection refused" in told(f"127.0.0.2:{here.port}")
    # The key waits for the answer, and the token is good yet.
    assert len(list(tmp_path.glob("a/identity/pending-*.pem"))) == 1
    assert anna.says("enroll", token.text(), "--state", tmp_path / "a", "--name", "a").status == 0
    assert not list(tmp_path.glob("a/identity/pending-*.pem"))


def test_an_agent_whose_certificate_is_over_says_what_to_do_and_finds_the_next(
    here: Here, anna: Person, tmp_path: Path
) -> None:
    state = tmp_path / "a"
    first = here.token("--role", "agent", "--name", "a")
    assert anna.says("enroll", first, "--state", state).status == 0
    found = enrolled_in(state / "identity")
    assert found is not None
    long_ago = Authority(here.owner.home / "data" / "identity", time.time)
    long_ago.now = lambda: time.time() - 8 * 86400
    key = found.file.read_bytes()
    requested = requested_key(request_of(key))
    over = long_ago.issue(requested, found.identity, 7 * 86400)
    keep(found.folder, found.collector, long_ago.pem, key, over.pem, found.identity)

    with program("agent", "--state", state, env=anna.env) as agent:
        agent.line("WARNING without --policy nothing may run on this host")
        told = agent.line(r"expired on 20.*UTC.*")[0]
        assert "headstart token create --role agent --name a" in told
        assert f"headstart enroll TOKEN --state {state}" in told
        again = here.token("--role", "agent", "--name", "a")
        assert anna.says("enroll", again, "--state", state).status == 0
        agent.line("attending 127.0.0.1:")


def test_an_agent_renews_while_it_runs(tmp_path: Path, anna: Person) -> None:
    # Of six seconds: half of them are over soon.
    with collector(tmp_path / "collector", "--certificate-days", "0.00007") as here:
        token = here.token("--role", "agent", "--name", "a")
        assert anna.says("enroll", token, "--state", tmp_path / "a").status == 0
        with program("agent", "--state", tmp_path / "a", env=anna.env) as agent:
            agent.line("attending 127.0.0.1:")
            agent.line("the certificate of a is renewed, until 20")
            agent.line("the certificate of a is renewed, until 20")


def test_a_clock_beyond_the_collectors_certificate_is_told_with_both_times(
    here: Here, tmp_path: Path
) -> None:
    token = token_of(here.token("--role", "agent"))
    pem = ssl.DER_cert_to_PEM_cert(token.authority)
    found = [
        pinned_problem(token.address, pem, time.time() + days * 86400) for days in (-20, 0, 400)
    ]

    assert found[1] == ""
    assert re.search(r"clock is behind: it says 20.*UTC, and .* from 20.* to 20.*UTC", found[0])
    assert re.search(r"clock is ahead: it says 20.*UTC, and .* from 20.* to 20.*UTC", found[2])


@pytest.mark.parametrize("token", ["hst1-nonsense", "abc", "hst1-"])
def test_what_is_no_token_is_told(anna: Person, token: str) -> None:
    told = anna.says("enroll", token)

    assert told.status == 2
    assert told.errors.startswith("headstart: TOKEN: ")


def test_an_empty_token_is_told_as_one(anna: Person) -> None:
    told = anna.says("enroll", "")

    assert (told.status, told.errors) == (2, "headstart: TOKEN: the token is empty\n")


def test_a_token_with_mistakes_is_not_made(here: Here) -> None:
    for options, why in (
        (("--expires", "soon"), "--expires: 'soon' is no time; expected such as 90m, 12h or 7d"),
        (("--name", "a b"), "name is 'a b'"),
        (("--expires", "31d"), "30 days at the latest"),
    ):
        made = here.owner.says(
            "token", "create", "--role", "agent", "--collector", here.socket, *options
        )
        assert made.status == 2
        assert why in made.errors


def test_the_port_for_enrolment_is_not_taken_for_an_older_collector(
    here: Here, anna: Person
) -> None:
    assert anna.says("enroll", here.token("--role", "reader", "--name", "anna")).status == 0
    enroll = token_of(here.token("--role", "reader")).address
    asked = anna.says("status", "--collector", enroll)

    assert asked.status == 3
    assert "or this is its port for enrolment (--enroll-listen)" in asked.errors


def test_an_agent_that_attends_without_its_identity_says_so(here: Here, tmp_path: Path) -> None:
    state = tmp_path / "a"
    enrolled = here.owner.says(
        "enroll", here.token("--role", "agent"), "--name", "a", "--state", state
    )
    assert enrolled.status == 0, enrolled.errors
    with program("agent", "--state", state, "--collector", here.socket) as agent:
        agent.line("this host is enrolled as 'a' with the collector at 127.0.0.1:.* without that")
        agent.line("attending unix:")
