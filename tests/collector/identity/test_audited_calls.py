"""What changes something is in the audit."""

from headstart.collector.identity.audited_calls import AUDITED, UNCHANGING, Audited
from headstart.collector.identity.call_roles import ROLES
from headstart.v1.access_pb2 import RevokeRequest
from headstart.words.roles import Role


def test_every_call_that_takes_an_operator_is_audited_or_changes_nothing() -> None:
    of_operators = {method for method, roles in ROLES.items() if roles == {Role.OPERATOR}}

    assert of_operators == AUDITED.keys() | UNCHANGING
    assert AUDITED.keys() & UNCHANGING == set()


def test_what_cannot_be_described_is_no_fault_of_the_call() -> None:
    broken = Audited("drain", lambda request, _response: request.no_such_field)

    assert broken.described(object(), None) == ("", "")


def test_a_revocation_that_is_taken_back_is_told_from_one_that_is_made() -> None:
    revoke = AUDITED["/headstart.v1.AccessService/Revoke"]

    assert revoke.described(RevokeRequest(name="h1", reason="stolen"), None) == ("h1", "stolen")
    assert revoke.described(RevokeRequest(name="h1", take_back=True), None) == ("h1", "taken back")
