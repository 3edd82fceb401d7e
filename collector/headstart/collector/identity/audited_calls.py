"""Which calls change something, and what of them the audit says: never a value, never a token."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

# Many runs come of one submission.
_MOST_NAMED = 10


@dataclass(frozen=True)
class Audited:
    """A call's word in the audit, and on what it acts, of its request and its answer or None."""

    action: str
    what: Callable[[Any, Any], str]
    # Of the request; shown as it is.
    detail: Callable[[Any], str] = lambda _request: ""

    def described(self, request: Any, response: Any) -> tuple[str, str]:
        """On what, and the detail; a call that was done is not undone by what cannot be said."""
        if request is None:
            return "", ""
        try:
            return self.what(request, response), self.detail(request)
        except Exception:
            log.exception("what was done by '%s' is not in the audit", self.action)
            return "", ""


def _submitted(request: Any, response: Any) -> str:
    runs = list(response.runs) if response is not None else []
    if not runs:
        return request.file_name or "a file"
    named = [f"{run.run_id} on {run.host}" for run in runs[:_MOST_NAMED]]
    more = f" and {len(runs) - _MOST_NAMED} more" if len(runs) > _MOST_NAMED else ""
    return f"{runs[0].experiment}: run{'s' if len(runs) > 1 else ''} {', '.join(named)}{more}"


def _revoked(request: Any, _response: Any) -> str:
    return request.name or f"serial {request.serial}"


def _token(request: Any, response: Any) -> str:
    whom = f"{request.role} '{request.name}'" if request.name else f"any {request.role}"
    return f"{response.token.token_id} for {whom}" if response else f"for {whom}"


_EXPERIMENTS = "/headstart.v1.ExperimentsService/"
_ACCESS = "/headstart.v1.AccessService/"
_IDENTITY = "/headstart.v1.IdentityService/"

AUDITED: Mapping[str, Audited] = {
    f"{_EXPERIMENTS}Submit": Audited("submit", _submitted),
    f"{_EXPERIMENTS}Cancel": Audited(
        "cancel",
        lambda request, response: (
            f"run {(response.run.run_id if response else '') or request.run_id or 'of none'}"
        ),
        lambda request: request.reason,
    ),
    f"{_EXPERIMENTS}AcceptShift": Audited(
        "accept",
        lambda request, _response: f"shift {request.shift_id}",
        lambda request: request.reason,
    ),
    f"{_EXPERIMENTS}SendContext": Audited(
        "send context", lambda request, _response: f"context {request.archive.sha256[:12]}"
    ),
    f"{_EXPERIMENTS}DrainHost": Audited(
        "drain", lambda request, _response: f"host {request.host}", lambda request: request.reason
    ),
    f"{_EXPERIMENTS}RenameHost": Audited(
        "rename", lambda request, _response: f"host {request.host} to {request.new_name}"
    ),
    f"{_EXPERIMENTS}RemoveHost": Audited(
        "remove",
        lambda request, _response: f"host {request.host}",
        lambda request: "with its runs" if request.force else "",
    ),
    f"{_EXPERIMENTS}Forget": Audited(
        "forget",
        lambda request, _response: ", ".join(request.names[:_MOST_NAMED]),
        lambda request: "only asked what would be lost" if request.dry_run else "",
    ),
    f"{_EXPERIMENTS}ResumeHost": Audited(
        "resume", lambda request, _response: f"host {request.host}"
    ),
    f"{_IDENTITY}CreateToken": Audited(
        "create token", _token, lambda request: f"{request.uses} uses, {request.lifetime_seconds} s"
    ),
    f"{_IDENTITY}RevokeToken": Audited(
        "revoke token",
        lambda request, response: response.token.token_id if response else request.token_id,
    ),
    f"{_ACCESS}Revoke": Audited(
        "revoke",
        _revoked,
        lambda request: "taken back" if request.take_back else request.reason,
    ),
}
# What takes an operator and changes nothing.
UNCHANGING = frozenset(
    {
        f"{_EXPERIMENTS}FindContexts",
        f"{_IDENTITY}ListTokens",
        f"{_ACCESS}ListIdentities",
        f"{_ACCESS}ListAudit",
    }
)
