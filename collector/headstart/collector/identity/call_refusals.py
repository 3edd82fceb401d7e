"""Why a call is refused, in words that say how to get what it takes."""

from collections.abc import Callable
from dataclasses import dataclass

from headstart.collector.identity.call_roles import is_open, roles_for
from headstart.collector.identity.caller import NOBODY, Caller
from headstart.collector.own_metrics import Denial
from headstart.words.roles import Role

_LONGEST_SHOWN = 100


@dataclass(frozen=True)
class Refusal:
    """For the metric, for the caller, and for the audit."""

    reason: Denial
    message: str
    detail: str


def refusal_of(
    caller: Caller, method: str, revoked: Callable[[Caller], str], roles_path: str
) -> Refusal | None:
    """None: the call goes on. `revoked` says why a caller's certificate is; empty: it is not."""
    if is_open(method):
        return None
    if reason := revoked(caller):
        return Refusal(Denial.REVOKED, reason, reason)
    wanted = roles_for(method)
    if caller.roles & wanted:
        return None
    word = method.rpartition("/")[2][:_LONGEST_SHOWN]
    if not wanted:
        return Refusal(Denial.UNKNOWN, f"nobody may call {word}: it has no role here", "nobody's")
    one = " or ".join(f"'{role}'" for role in Role if role in wanted)
    return Refusal(
        Denial.ROLE,
        f"{_who(caller)} may not call {word}, which takes the role {one}. "
        f"{_advice(caller, wanted, roles_path)}",
        f"takes the role {one}",
    )


def _who(caller: Caller) -> str:
    name = caller.name[:_LONGEST_SHOWN]
    return (
        f"'{name}' has the role '{caller.role}' and"
        if caller.roles
        else f"'{name}' has no role and"
    )


def _advice(caller: Caller, wanted: frozenset[Role], roles_path: str) -> str:
    best = next(role for role in (Role.READER, Role.OPERATOR, Role.AGENT) if role in wanted)
    if caller.name == NOBODY or not caller.serial:
        return "Show a certificate that has it, or use the collector's socket on its machine"
    if caller.own:
        anew = f"headstart token create --role {best}"
        return f"Have an operator make a token for a certificate that does: `{anew}`"
    line = f'{best} = ["{caller.name[:_LONGEST_SHOWN]}"]'
    if roles_path:
        return f"Whoever keeps the collector writes {line} into {roles_path}, which holds at once"
    return (
        f"Whoever keeps the collector writes {line} into a file, such as "
        "/etc/headstart/roles.toml, and starts it with --roles FILE"
    )
