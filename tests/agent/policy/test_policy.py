"""The policy: what a file may say, what it means, and that silence allows nothing."""

from pathlib import Path

import psutil
import pytest

from headstart.agent.instances import RuntimeFault
from headstart.agent.policy.policy import Policy, PolicyError, parse_policy
from headstart.v1.experiment_pb2 import (
    Build,
    Check,
    Command,
    CommandCheck,
    Experiment,
    Network,
    Plan,
    Service,
    Variant,
)
from headstart.v1.records_pb2 import FailureCode
from headstart.words.foreign.image_reference import parse_image
from support.policies import everything_allowed

FILE = Path("policy.toml")
SERVICE = Service(port=80)
MIB, GIB = 1 << 20, 1 << 30


def test_without_a_file_nothing_may_run_and_limits_hold() -> None:
    policy = Policy.default()

    assert (policy.images, policy.commands, policy.builds) == ((), False, False)
    assert not policy.allows_image([parse_image("players:jit")])
    assert policy.memory_limit_bytes > 0
    assert policy.pids_limit > 0


def test_a_star_allows_every_image_and_no_limit_named_means_the_policys() -> None:
    policy = everything_allowed()

    assert policy.allows_image([parse_image("registry.example/team/players:jit")])
    assert policy.memory_limit(0) == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("variants", "service", "expected"),
    [
        ([Variant(image="players:jit")], SERVICE, (("players:jit",), False, False)),
        ([Variant(image="b:1"), Variant(image="a:1")], SERVICE, (("a:1", "b:1"), False, False)),
        ([Variant(command=Command(argv=["./app"]))], SERVICE, ((), True, False)),
        ([Variant(build=Build(context="."))], SERVICE, ((), False, True)),
        (
            [Variant(image="a:1")],
            Service(port=80, checks=[Check(command=CommandCheck(argv=["./check"]))]),
            (("a:1",), True, False),
        ),
        # A check of a batch program is arguments of the program itself.
        (
            [Variant(image="a:1")],
            Service(checks=[Check(command=CommandCheck(argv=["--version"]))]),
            (("a:1",), False, False),
        ),
    ],
)
def test_a_run_on_ones_own_machine_may_do_what_its_file_holds_and_no_more(
    variants: list[Variant], service: Service, expected: tuple[tuple[str, ...], bool, bool]
) -> None:
    policy = Policy.for_experiment(Experiment(variants=variants, service=service))

    assert (policy.images, policy.commands, policy.builds) == expected
    assert policy.memory_limit(0) == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("asked", "networks"),
    [
        (Network.NETWORK_UNSPECIFIED, ("own", "bridge")),
        (Network.NETWORK_OWN, ("own", "bridge")),
        (Network.NETWORK_HOLDER, ("own", "bridge")),
        (Network.NETWORK_HOST, ("own", "bridge", "host")),
        (99, ("own", "bridge")),
    ],
)
def test_a_run_on_ones_own_machine_has_the_hosts_network_where_its_file_says_so(
    asked: Network.ValueType, networks: tuple[str, ...]
) -> None:
    policy = Policy.for_experiment(Experiment(plan=Plan(network=asked)))

    assert policy.networks == networks


def test_a_file_is_read_whole() -> None:
    text = """
        images = ["players:*", "registry.example/team/*"]
        commands = true
        builds = true
        memory_limit = "1 GiB"
        pids_limit = 512
        disk_limit = "2GiB"
        networks = ["own", "host"]
    """

    assert parse_policy(text, FILE) == Policy(
        images=("players:*", "registry.example/team/*"),
        commands=True,
        builds=True,
        memory_limit_bytes=GIB,
        pids_limit=512,
        disk_limit_bytes=2 * GIB,
        networks=("own", "host"),
    )


def test_what_a_file_leaves_out_is_as_without_a_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('images = ["players:*"]\n')

    assert Policy.load(path) == Policy(images=("players:*",))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('image = ["a"]', "line 2: image: unknown key; did you mean 'images'?"),
        ("weather = 1", "line 2: weather: unknown key; known are images, commands, builds"),
        ("[images]", "line 2: images: expected a list of patterns"),
        ('images = "players:*"', "line 2: images: expected a list of patterns"),
        ('images = ["a", 1]', 'line 2: images: expected a pattern such as "players:*", not 1'),
        ('images = [""]', "line 2: images: expected a pattern such as"),
        ("commands = 1", "line 2: commands: expected true or false, not 1"),
        ('builds = "yes"', "line 2: builds: expected true or false, not 'yes'"),
        ('memory_limit = "4 gigs"', "line 2: memory_limit: expected a size"),
        ('memory_limit = "5MiB"', 'line 2: memory_limit: expected a size from "6MiB" up'),
        ("memory_limit = true", "line 2: memory_limit: expected a size"),
        ("pids_limit = 0", "line 2: pids_limit: expected a whole number from 1 up, not 0"),
        ("disk_limit = 0", 'line 2: disk_limit: expected a size from "6MiB" up'),
        ("pids_limit = true", "line 2: pids_limit: expected a whole number"),
        ("pids_limit = 1.5", "line 2: pids_limit: expected a whole number"),
        ('networks = "own"', 'line 2: networks: expected a list of "own", "bridge", "host"'),
        (
            'networks = ["own", "holder"]',
            """line 2: networks: expected one of "own", "bridge", "host", not 'holder'""",
        ),
        ("networks = []", "line 2: networks: expected a list of"),
        ("networks = [[]]", "line 2: networks: expected one of"),
        ('capabilities = ["NET_ADMIN"]', "line 2: capabilities: expected one of AUDIT_WRITE, "),
        ('host_paths = ["srv"]', "line 2: host_paths: expected an absolute path such as"),
        ('host_paths = ["/"]', "line 2: host_paths: expected an absolute path such as"),
        ('host_paths = ["/a/../b"]', "line 2: host_paths: expected an absolute path such as"),
        ('host_paths = ["/a:ro"]', "line 2: host_paths: expected an absolute path such as"),
        ('host_paths = ["/proc/*"]', "line 2: host_paths: expected an absolute path such as"),
        ('host_paths = ["/dev:rw"]', "line 2: host_paths: expected an absolute path such as"),
        ("host_paths = [1]", "line 2: host_paths: expected an absolute path such as"),
        ("capabilities = [[]]", "line 2: capabilities: expected one of AUDIT_WRITE, "),
        ("root = 0", "line 2: root: expected true or false, not 0"),
        ('entrypoint = "image"', "line 2: entrypoint: expected true or false, not 'image'"),
        ("commands = yes", "not TOML: "),
        ("commands = true\ncommands = false", "not TOML: "),
        (f"images = {'[' * 5000}", "not a policy: nested too deep"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_was_expected(line: str, problem: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse_policy(f"# a comment\n{line}\n", FILE)

    assert len(error.value.problems) == 1
    assert error.value.problems[0].startswith(problem)
    assert str(error.value).startswith("policy.toml: ")


@pytest.mark.parametrize(
    ("root", "user", "refused"),
    [
        (True, "", False),
        (True, "root", False),
        (False, "65532:65532", False),
        (False, "1000", False),
        (False, "", True),
        (False, "0", True),
        (False, "00:0", True),
        (False, "0:1000", True),
        (False, "root", True),
        # Whoever made the image says what number a name has.
        (False, "app", True),
        (False, "-1", True),
        (False, "\u0661", True),
        (False, "2147483647", False),
        (False, "2147483648", True),
        # Too large for a number: an engine looks it up as a name.
        (False, "99999999999999999999", True),
        (False, "9" * 5000, True),
    ],
)
def test_only_a_number_above_0_is_known_not_to_be_root(
    root: bool, user: str, refused: bool
) -> None:
    words = Policy(root=root).user_refusal(user)

    assert (words is not None) is refused
    assert words is None or "(root = false)" in words
    # No collector takes a record with a text of 64 KiB.
    assert len(words or "") < 1000


def test_an_entrypoint_may_be_replaced_unless_the_policy_says_otherwise() -> None:
    assert Policy().entrypoint_refusal() is None
    assert "(entrypoint = false)" in (Policy(entrypoint=False).entrypoint_refusal() or "")


def test_the_beginning_of_an_id_may_be_run_on_ones_own_machine() -> None:
    experiment = Experiment(variants=[Variant(image="d7951c20"), Variant(image="players:jit")])
    policy = Policy.for_experiment(experiment)

    assert policy.images == ("players:jit", "sha256:d7951c20*")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(PolicyError) as error:
        parse_policy('privileged = true\nmounts = []\npids_limit = "many"\n', FILE)

    assert [problem.split(":")[:2] for problem in error.value.problems] == [
        ["line 1", " privileged"],
        ["line 2", " mounts"],
        ["line 3", " pids_limit"],
    ]


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b"images = [\xff]")
    with pytest.raises(PolicyError, match="not UTF-8"):
        Policy.load(path)


def test_a_pattern_that_nothing_fits_is_told_with_its_own_line() -> None:
    text = """
        commands = false
        images = [
            "players:*",
            "players/../*",
            'Players:jit',
        ]
    """
    with pytest.raises(PolicyError) as error:
        parse_policy(text, FILE)

    assert [problem.split(": ")[:3] for problem in error.value.problems] == [
        ["line 5", "images", "no image can ever fit 'players/../*'"],
        ["line 6", "images", "no image can ever fit 'Players:jit'"],
    ]


def test_each_wrong_element_of_a_list_is_told_with_its_own_line() -> None:
    text = """
        host_paths = [
            "/srv/data",
            "srv/models",
            "/proc/1",
        ]
        git = ["https://git.example/team/*", "*"]
        secrets = ["DB_*", "A B"]
    """
    with pytest.raises(PolicyError) as error:
        parse_policy(text, FILE)

    found = [problem.split(": expected ")[0] for problem in error.value.problems]
    assert found == ["line 4: host_paths", "line 5: host_paths", "line 7: git", "line 8: secrets"]
    for problem, wrong in zip(
        error.value.problems, ("srv/models", "/proc/1", "*", "A B"), strict=True
    ):
        assert problem.endswith(f", not {wrong!r}")


def test_a_plan_may_ask_for_less_memory_and_not_for_more() -> None:
    policy = Policy(memory_limit_bytes=GIB)
    with pytest.raises(RuntimeFault) as refused:
        policy.memory_limit(GIB + GIB // 2)

    assert (policy.memory_limit(0), policy.memory_limit(64 * MIB)) == (GIB, 64 * MIB)
    assert refused.value.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert "1.5 GiB" in refused.value.message
    assert "at most 1 GiB" in refused.value.message


def test_the_collector_is_told_all_of_it() -> None:
    message = Policy(images=("a", "b"), builds=True, memory_limit_bytes=GIB).message()

    assert list(message.images) == ["a", "b"]
    assert (message.commands, message.builds) == (False, True)
    assert (message.memory_limit_bytes, message.pids_limit) == (GIB, 4096)
    assert message.disk_limit_bytes == 10 * GIB
    assert message.networks == [Network.NETWORK_OWN, Network.NETWORK_HOLDER]
