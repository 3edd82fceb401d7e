"""A certificate is renewed after half of its time, by the key and the request that are there.

So nothing is needed that makes keys or parses certificates, and an agent at rest stays light.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from headstart.agent.uplink.collector_bounds import words_of
from headstart.agent.uplink.collector_tls import channel_to
from headstart.agent.uplink.enrolled import Enrolled, enrolled_in
from headstart.v1.identity_pb2 import RenewRequest
from headstart.v1.identity_pb2_grpc import IdentityServiceStub
from headstart.words.foreign.certificates import CertificateProblem
from headstart.words.private_files import KeyExposed

log = logging.getLogger(__name__)

_CALL_SECONDS = 10.0
# The clock may be set, and a laptop sleeps: it is looked at this often.
_LOOK_SECONDS = 600.0
# Whatever a collector gives, it is not asked all the time.
_SHORTEST_SECONDS = 1.0
_FIRST_AGAIN_SECONDS = 10.0
_LONGEST_AGAIN_SECONDS = 3600.0


class NotRenewed(Exception):
    """The certificate stays as it is; the message says why."""


def renew(enrolled: Enrolled, target: str) -> Enrolled:
    """Ask a collector for a new certificate and keep it. Raises NotRenewed."""
    try:
        with channel_to(target, enrolled.tls) as channel:
            request = RenewRequest(certificate_signing_request_pem=enrolled.request())
            answer = IdentityServiceStub(channel).Renew(request, timeout=_CALL_SECONDS)
        return enrolled.renewed(answer.issued.certificate_pem, time.time())
    except grpc.RpcError as error:
        code = error.code()
        details = words_of(error.details() or "")
        raise NotRenewed(f"{code.name} ({details})") from error
    except (CertificateProblem, KeyExposed) as problem:
        raise NotRenewed(str(problem)) from problem
    except OSError as error:
        raise NotRenewed(f"{error.filename or enrolled.file}: {error.strerror}") from error


async def keep_renewed(
    folder: Path, target: Callable[[], str], now: Callable[[], float] = time.time
) -> None:
    """For as long as an agent lives; connections read the file anew each time.

    `target` gives the collector's address as it is then.
    """
    again = _FIRST_AGAIN_SECONDS
    while True:
        wait = await asyncio.to_thread(_look, folder, target(), now)
        if wait is None:
            await asyncio.sleep(again)
            again = min(2 * again, _LONGEST_AGAIN_SECONDS)
        else:
            again = _FIRST_AGAIN_SECONDS
            await asyncio.sleep(wait)


def _look(folder: Path, target: str, now: Callable[[], float]) -> float | None:
    """Renew what is due; seconds until there is something to do, None: it did not work."""
    try:
        enrolled = enrolled_in(folder)
        if enrolled is None or now() > enrolled.holds.ends:
            # Whoever connects says so; it may be enrolled anew at any time.
            return _LOOK_SECONDS / 10
        if now() < enrolled.renewal_time:
            return min(enrolled.renewal_time - now(), _LOOK_SECONDS)
        found = renew(enrolled, target)
    except (NotRenewed, CertificateProblem, KeyExposed) as problem:
        log.warning("the certificate is not renewed: %s", problem)
        return None
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found.holds.ends))
    log.info("the certificate of %s is renewed, until %s", found.identity.name, until)
    return min(max(found.renewal_time - now(), _SHORTEST_SECONDS), _LOOK_SECONDS)
