"""What an experiment refers to is read on its host, where the policy lets it."""

import os
from pathlib import Path

import pytest

from headstart.agent.policy.host_secrets import HostSecrets, read_secrets
from headstart.agent.policy.policy import Policy, PolicyError, parse_policy
from headstart.v1.experiment_pb2 import (
    Check,
    Experiment,
    Header,
    HttpCheck,
    HttpRequest,
    SecretReference,
    Service,
    Variant,
)

ALL = Policy(secrets=("*", "/*/*", "/*/*/*/*/*"))


def of(environment: SecretReference, header: SecretReference | None = None) -> Experiment:
    """An experiment that refers to a value for DB_PASSWORD, and to one for Authorization."""
    request = HttpRequest(method="GET", target="/")
    if header is not None:
        request.headers.append(Header(name="Authorization", secret=header))
    return Experiment(
        variants=[Variant(name="a", secret_environment={"DB_PASSWORD": environment})],
        service=Service(ready=Check(http=HttpCheck(request=request))),
    )


def read(experiment: Experiment, **environment: str) -> HostSecrets:
    return read_secrets(experiment, ALL, environment)


def test_values_are_put_in_behind_their_prefix_and_the_experiment_stays(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0k3n-abc\n")
    file = SecretReference(file=str(tmp_path / "token"), prefix="Bearer ")
    experiment = of(SecretReference(variable="DB"), file)
    allowed = Policy(secrets=("DB", f"{tmp_path}/*"))
    found = read_secrets(experiment, allowed, {"DB": "hunter2"})
    runs = found.put_into(experiment)

    assert found.problems == []
    assert runs.variants[0].environment == {"DB_PASSWORD": "hunter2"}
    assert runs.service.ready.http.request.headers[0].value == "Bearer t0k3n-abc"
    assert "hunter2" not in str(experiment)
    assert "t0k3n" not in str(experiment)


def test_by_default_nothing_is_allowed_and_everything_is_said_at_once() -> None:
    experiment = of(SecretReference(variable="DB"), SecretReference(file="/run/x"))
    problems = read_secrets(experiment, Policy.default(), {"DB": "hunter2"}).problems

    assert [each.path for each in problems] == [
        ("variants", "a", "env", "DB_PASSWORD"),
        ("service", "ready", "headers", "Authorization"),
    ]
    assert "DB_PASSWORD comes from DB, which the policy" in problems[0].message
    assert all(each.is_refused for each in problems)
    assert "hunter2" not in str(problems)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "has no variable DB"),
        ("", "has 0 characters"),
        ("abc", "has 3 characters: at least 4"),
    ],
)
def test_a_value_that_is_not_there_or_cannot_be_hidden_is_missing(
    value: str | None, reason: str
) -> None:
    found = read(of(SecretReference(variable="DB")), **({} if value is None else {"DB": value}))

    assert len(found.problems) == 1
    assert reason in found.problems[0].message


def test_a_header_takes_one_line_of_ascii() -> None:
    reference = SecretReference(variable="DB")
    found = read(of(reference, reference), DB="secret\r\nX-Admin: 1")

    assert "one line of ASCII" in found.problems[0].message
    assert "X-Admin" not in found.problems[0].message


def test_what_is_no_short_text_file_is_missing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"x" * 32769)
    (tmp_path / "bytes").write_bytes(b"\xff\xff\xff\xff")
    policy = Policy(secrets=(f"{tmp_path}/*",))
    for name, reason in {
        "fifo": "is no file",
        "large": "more than 32768 bytes",
        "bytes": "is not UTF-8",
        "none": "No such file",
    }.items():
        found = read_secrets(of(SecretReference(file=str(tmp_path / name))), policy, {})

        assert reason in found.problems[0].message


@pytest.mark.parametrize(
    ("pattern", "reference", "fits"),
    [
        ("PERF_*", "PERF_DB", True),
        ("PERF_*", "perf_db", False),
        ("*", "/etc/shadow", False),
        ("/run/secrets/*", "/run/secrets/x", True),
        ("/run/secrets/*", "/run/secrets/x/y", False),
        ("/run/secrets/*", "/run/secrets/..", False),
        ("/run/*/x", "/run/../x", False),
    ],
)
def test_which_variable_or_file_a_pattern_fits(pattern: str, reference: str, fits: bool) -> None:
    assert Policy(secrets=(pattern,)).allows_secret(reference) == fits


def test_the_policy_of_a_run_here_allows_what_the_file_names_and_nothing_else() -> None:
    policy = Policy.for_experiment(of(SecretReference(variable="DB"), SecretReference(file="/a/*")))

    assert [policy.allows_secret(each) for each in ("DB", "/a/*")] == [True, True]
    assert [policy.allows_secret(each) for each in ("DBX", "/a/b")] == [False, False]


def test_the_key_is_read_and_told_and_a_wrong_one_is_refused() -> None:
    policy = parse_policy('secrets = ["PERF_*", "/run/secrets/*"]', Path("p"))

    assert policy.secrets == ("PERF_*", "/run/secrets/*")
    assert policy.message().secrets == ["PERF_*", "/run/secrets/*"]
    for wrong in ('"PERF"', '["run/secrets"]', '["/a/../b"]', "[1]", '["A B"]'):
        with pytest.raises(PolicyError, match="line 1: secrets"):
            parse_policy(f"secrets = {wrong}", Path("p"))
