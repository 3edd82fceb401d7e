"""Which role each call takes. What is not in the table, nobody may call."""

from collections.abc import Mapping

from headstart.words.roles import Role

_AGENTS = frozenset({Role.AGENT})
_READERS = frozenset({Role.READER, Role.OPERATOR})
_OPERATORS = frozenset({Role.OPERATOR})

_FLEET = "/headstart.v1.FleetService/"
_EXPERIMENTS = "/headstart.v1.ExperimentsService/"
_ACCESS = "/headstart.v1.AccessService/"
_IDENTITY = "/headstart.v1.IdentityService/"

# Also without a certificate. Enroll has a port of its own, and holds its caller against a token.
OPEN = frozenset(
    {
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.health.v1.Health/List",
        "/headstart.v1.EnrolmentService/Enroll",
    }
)

# Method -> the roles of which a caller has one. An agent's calls hold it against its host too.
ROLES: Mapping[str, frozenset[Role]] = {
    f"{_FLEET}Attend": _AGENTS,
    f"{_FLEET}FetchContext": _AGENTS,
    f"{_EXPERIMENTS}List": _READERS,
    f"{_EXPERIMENTS}Get": _READERS,
    f"{_EXPERIMENTS}Watch": _READERS,
    f"{_EXPERIMENTS}WatchRuns": _READERS,
    f"{_EXPERIMENTS}Report": _READERS,
    f"{_EXPERIMENTS}ListHosts": _READERS,
    f"{_EXPERIMENTS}Export": _READERS,
    f"{_EXPERIMENTS}History": _READERS,
    f"{_EXPERIMENTS}Submit": _OPERATORS,
    f"{_EXPERIMENTS}Cancel": _OPERATORS,
    f"{_EXPERIMENTS}AcceptShift": _OPERATORS,
    f"{_EXPERIMENTS}DrainHost": _OPERATORS,
    f"{_EXPERIMENTS}ResumeHost": _OPERATORS,
    f"{_EXPERIMENTS}RenameHost": _OPERATORS,
    f"{_EXPERIMENTS}RemoveHost": _OPERATORS,
    f"{_EXPERIMENTS}Forget": _OPERATORS,
    f"{_EXPERIMENTS}FindContexts": _OPERATORS,
    f"{_EXPERIMENTS}SendContext": _OPERATORS,
    # The same role and name again.
    f"{_IDENTITY}Renew": frozenset(Role),
    f"{_IDENTITY}CreateToken": _OPERATORS,
    f"{_IDENTITY}ListTokens": _OPERATORS,
    f"{_IDENTITY}RevokeToken": _OPERATORS,
    f"{_ACCESS}Revoke": _OPERATORS,
    f"{_ACCESS}ListIdentities": _OPERATORS,
    f"{_ACCESS}ListAudit": _OPERATORS,
}


def is_open(method: str) -> bool:
    """Whether everybody may call it."""
    return method in OPEN


def roles_for(method: str) -> frozenset[Role]:
    """The roles of which one is enough; none for a method that is not in the table."""
    return ROLES.get(method, frozenset())


# What is for operators and changes nothing all the same.
_LISTS = frozenset({f"{_IDENTITY}ListTokens", f"{_ACCESS}ListIdentities", f"{_ACCESS}ListAudit"})


def changes_nothing(method: str) -> bool:
    """Whether a collector that stands by can answer it as well."""
    if method == "/headstart.v1.EnrolmentService/Enroll":
        return False
    return is_open(method) or method in _LISTS or roles_for(method) == _READERS
