"""What changes something is in the audit."""

from headstart.collector.identity.audited_calls import AUDITED, UNCHANGING
from headstart.collector.identity.call_roles import ROLES
from headstart.words.roles import Role


def test_every_call_that_takes_an_operator_is_audited_or_changes_nothing() -> None:
    of_operators = {method for method, roles in ROLES.items() if roles == {Role.OPERATOR}}

    assert of_operators == AUDITED.keys() | UNCHANGING
    assert AUDITED.keys() & UNCHANGING == set()
