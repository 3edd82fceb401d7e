"""`headstart enroll`."""

import getpass
import sys
import time
from contextlib import suppress
from pathlib import Path

import click

from headstart.agent.uplink.enrolled import FOLDER_NAME, Enrolled, enrolled_in, keep
from headstart.cli.agent_options import default_state, host_name
from headstart.cli.connection import own_identity_folder
from headstart.cli.errors import CommandError, InputError
from headstart.cli.given import Name, OutputFolder
from headstart.cli.terminal import say
from headstart.words.enrolment_token import EnrolmentToken, MalformedToken, token_of
from headstart.words.foreign.certificates import CertificateProblem
from headstart.words.private_files import (
    KeyExposed,
    private_folder,
    read_private_key,
    replace_private,
)
from headstart.words.roles import EXPECTED_NAME, Identity, Role, is_name

_LONGEST_TOKEN = 16 << 10


class _Token(Name):
    """A line of `headstart token create`."""

    def problem(self, text: str) -> str:
        """As of a name, but it is none."""
        return "" if text.strip() else "the token is empty"


@click.command("enroll")
@click.argument("token", type=_Token())
@click.option(
    "--name",
    type=Name(),
    help="What this host, or you, are called there. Default: what the token says, else the "
    "hostname, or your login.",
)
@click.option(
    "--state",
    type=OutputFolder(),
    help="Folder for key and certificate: an agent's --state, or one that commands get by "
    "--identity. Default: for a host ~/.local/state/headstart/agent, for a person "
    "~/.config/headstart.",
)
def command(token: str, name: str | None, state: Path | None) -> None:
    """Trade TOKEN, a line of `headstart token create`, for a certificate; '-' reads it from
    standard input.

    The key is made here and leaves this host at no time. Afterwards `headstart agent`, or every
    command of yours, finds the collector by itself.
    """
    # Late: they bring what makes keys.
    from headstart.cli.enrolling import ask, new_key

    from_stdin = token == "-"  # noqa: S105  # no secret
    text = sys.stdin.read(_LONGEST_TOKEN) if from_stdin else token
    try:
        said = token_of(text)
    except MalformedToken as error:
        raise InputError(f"TOKEN: {error}") from error
    identity = Identity(said.role, _name(said, name))
    folder = _folder(said.role, state)
    try:
        private_folder(folder.parent, marks=("lock", FOLDER_NAME))
        private_folder(folder, marks=("lock",))
        before = _before(folder)
        # The same key is asked for again where an answer was lost, and gets the same one.
        pending = folder / f"pending-{said.token_id}.pem"
        if not pending.exists():
            replace_private(pending, new_key())
        key = read_private_key(pending)
        try:
            issued, collector = ask(said, key, identity)
        except InputError:
            # Refused: no answer was lost.
            _forget(folder)
            raise
        enrolled = keep(
            folder, collector, issued.authority_pem, key, issued.certificate_pem, identity
        )
        _forget(folder)
    except BlockingIOError as error:
        raise CommandError(f"{folder}: another command writes there now; try again") from error
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror}") from error
    except (CertificateProblem, KeyExposed) as problem:
        raise CommandError(f"the collector's answer is of no use: {problem}") from problem
    _tell(enrolled, before, state)


def _forget(folder: Path) -> None:
    """The keys of tokens; a folder that is empty then goes too."""
    for pending in folder.glob("pending-*.pem"):
        pending.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _before(folder: Path) -> Enrolled | None:
    try:
        return enrolled_in(folder)
    except (CertificateProblem, KeyExposed):
        return None


def _name(token: EnrolmentToken, given: str | None) -> str:
    if given is None and not token.name:
        if token.role is Role.AGENT:
            return host_name(None)
        try:
            given = getpass.getuser()
        except (KeyError, OSError):
            raise InputError("this user has no login name: say --name NAME") from None
    name = given or token.name
    if not is_name(name):
        raise InputError(f"--name is {name!r}; expected {EXPECTED_NAME}")
    if token.name and name != token.name:
        raise InputError(
            f"--name {name}: the token is for '{token.name}'; leave --name out, or have an "
            "operator make another"
        )
    return name


def _folder(role: Role, state: Path | None) -> Path:
    if state is not None:
        return state.absolute() / FOLDER_NAME
    if role is Role.AGENT:
        return default_state().absolute() / FOLDER_NAME
    return own_identity_folder().absolute()


def _tell(enrolled: Enrolled, before: Enrolled | None, state: Path | None) -> None:
    identity = enrolled.identity
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(enrolled.holds.ends))
    say(f"enrolled as {identity.role} '{identity.name}' with the collector at {enrolled.collector}")
    say(f"key and certificate: {enrolled.file}, until {until}; renewed by whoever uses it")
    if before is not None:
        say(f"replaced: {before.identity.role} '{before.identity.name}' with {before.collector}")
        is_other = (before.collector, before.identity) != (enrolled.collector, identity)
        if is_other and before.identity.role is Role.AGENT:
            say("an agent that runs here goes on as before until it is restarted")
    if identity.role is Role.AGENT:
        where = f" --state {state}" if state is not None else ""
        say(
            f"next: headstart agent{where} --policy FILE (what may run on this host: "
            "docs/POLICY.md)"
        )
    else:
        where = f" --identity {state}" if state is not None else ""
        say(f"next: headstart status{where}")
