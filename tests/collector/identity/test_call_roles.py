"""Every call of every service has its roles, and nothing else is called."""

import importlib
import pkgutil
from typing import Any

import pytest
from grpc_health.v1 import health_pb2

import headstart.v1
from headstart.collector.identity.call_roles import OPEN, ROLES, is_open, roles_for
from headstart.words.roles import Role


def methods() -> set[str]:
    """Of all services that a collector may serve, by their descriptors."""
    files: list[Any] = [health_pb2.DESCRIPTOR]
    files += (
        importlib.import_module(f"headstart.v1.{module.name}").DESCRIPTOR
        for module in pkgutil.iter_modules(headstart.v1.__path__)
        if module.name.endswith("_pb2")
    )
    return {
        f"/{service.full_name}/{method.name}"
        for file in files
        for service in file.services_by_name.values()
        for method in service.methods
    }


def test_every_call_of_every_service_has_its_roles() -> None:
    assert len(methods()) > 15
    assert methods() == OPEN | ROLES.keys()
    assert OPEN & ROLES.keys() == set()


def test_a_call_that_is_not_in_the_table_is_nobodys() -> None:
    assert roles_for("/headstart.v1.ExperimentsService/Destroy") == set()
    assert not is_open("/headstart.v1.ExperimentsService/Destroy")


def test_agents_have_their_own_calls_and_no_other() -> None:
    of_agents = {method.rpartition("/")[2] for method in ROLES if Role.AGENT in ROLES[method]}

    assert of_agents <= {"Attend", "FetchContext", "Renew"}
    theirs = {method: roles for method, roles in ROLES.items() if Role.AGENT in roles}
    assert theirs.pop("/headstart.v1.IdentityService/Renew") == set(Role)
    assert all(roles == {Role.AGENT} for roles in theirs.values())


@pytest.mark.parametrize("method", sorted(ROLES))
def test_whoever_may_read_sees_what_an_operator_sees(method: str) -> None:
    roles = ROLES[method]

    assert roles
    assert Role.OPERATOR in roles or Role.READER not in roles
