"""What no container gets here is no fault of an image; everything else is."""

import pytest

from headstart.agent.trial.denials import deferred
from headstart.v1.records_pb2 import Failure, FailureCode, ResolvedVariant

FAILS = FailureCode.FAILURE_CODE_DOES_NOT_START
DENIED = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
CHOWN = "starting\nchown: /var/cache/nginx: Operation not permitted\n"


def failure_of(output: str, status: int = 1, code: FailureCode.ValueType = FAILS) -> Failure:
    return Failure(code=code, message="the app ended", exit_status=status, output_tail=output)


@pytest.mark.parametrize(
    "output",
    [
        CHOWN,
        'nginx: [emerg] mkdir() "/var/cache/nginx/client_temp" failed (13: Permission denied)',
        "error: failed switching to 'postgres': operation not permitted",
        "su-exec: setgroups(70): Operation not permitted",
        "Error: listen EACCES: permission denied 0.0.0.0:80",
        '"root" execution of the PostgreSQL server is not permitted.',
    ],
)
@pytest.mark.parametrize("user", ["", "0", "root", "0:0"])
def test_root_that_is_denied_what_it_has_elsewhere_is_deferred_with_the_remedy(
    output: str, user: str
) -> None:
    found = deferred(failure_of(output), ResolvedVariant(user=user), "docker")

    assert found.code == DENIED
    assert output.strip().splitlines()[-1] in found.message
    assert "USER in its Dockerfile" in found.message
    assert all(key in found.message for key in ("`entrypoint`", "`user`", "`capabilities`"))
    assert (found.exit_status, found.output_tail) == (1, output)


@pytest.mark.parametrize(
    ("failure", "user"),
    [
        # Another user is denied the same everywhere.
        (failure_of(CHOWN), "app"),
        (failure_of(CHOWN), "1000"),
        (failure_of("no configuration"), ""),
        (failure_of(""), ""),
        # It did not end by this.
        (failure_of(CHOWN, status=0), ""),
        (failure_of(CHOWN + "working\n" * 30), ""),
        (failure_of(CHOWN, code=FailureCode.FAILURE_CODE_OUT_OF_MEMORY), ""),
    ],
)
def test_every_other_failure_stays_what_it_was(failure: Failure, user: str) -> None:
    assert deferred(failure, ResolvedVariant(user=user), "docker") == failure


def test_a_long_line_is_not_quoted_in_part() -> None:
    found = deferred(
        failure_of(f"token={'x' * 300}: permission denied"), ResolvedVariant(), "docker"
    )

    assert found.code == DENIED
    assert "token" not in found.message


def test_a_command_is_denied_what_its_user_is_denied() -> None:
    failure = failure_of(CHOWN)

    assert deferred(failure, ResolvedVariant(), "process") == failure
