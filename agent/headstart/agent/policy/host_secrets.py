"""Values that an experiment refers to, read on its host: they go to the app and nowhere else."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field

from headstart.agent.policy.policy import Policy
from headstart.v1.experiment_pb2 import Experiment, SecretReference
from headstart.words.containers import containers_of
from headstart.words.foreign.secrets import SHORTEST_SECRET, Masks, http_checks, references_in

# As much as a variable of an experiment file may have.
_LARGEST_BYTES = 32768


class _Unusable(Exception):
    """Why a value cannot be had; says nothing of the value."""


@dataclass(frozen=True)
class SecretProblem:
    """Why a value cannot be given, with its place in the experiment file."""

    path: tuple[str | int, ...]
    message: str
    # By the policy; else it is missing.
    is_refused: bool


@dataclass
class HostSecrets:
    """What was read of one experiment, and what is wrong with each reference."""

    values: dict[str, str] = field(default_factory=dict)
    problems: list[SecretProblem] = field(default_factory=list)

    def put_into(self, experiment: Experiment) -> Experiment:
        """The experiment as it is run, with the values in place of what referred to them.

        Where something is wrong it is not run, and stays as it is.
        """
        if not self.values or self.problems:
            return experiment
        found = Experiment()
        found.CopyFrom(experiment)
        for placed in containers_of(found):
            container = placed.container
            for name, reference in container.secret_environment.items():
                container.environment[name] = self._value(reference)
            container.secret_environment.clear()
        for check in http_checks(found):
            for header in check.request.headers:
                if header.HasField("secret"):
                    # The reference stays: a load driver may have to know.
                    header.value = self._value(header.secret)
        return found

    def hide(self, experiment: Experiment, masks: Masks) -> None:
        """Have the values replaced by what referred to them."""
        for path, reference in references_in(experiment):
            if (value := self.values.get(_key(reference))) is not None:
                masks.add_secret(_key(reference), str(path[-1]), value)

    def _value(self, reference: SecretReference) -> str:
        return reference.prefix + self.values[_key(reference)]


def read_secrets(
    experiment: Experiment, policy: Policy, environment: Mapping[str, str]
) -> HostSecrets:
    """Read every value that the experiment refers to, as far as the policy lets it."""
    found = HostSecrets()
    for path, reference in references_in(experiment):
        name, key = path[-1], _key(reference)
        if not policy.allows_secret(key):
            allowed = ", ".join(policy.secrets) or "none"
            message = (
                f"{name} comes from {key}, which the policy of this host does not allow"
                f" (secrets: {allowed})"
            )
            found.problems.append(SecretProblem(path, message, is_refused=True))
            continue
        try:
            value = _read(reference, environment)
            if "headers" in path:
                _check_line(value)
            found.values[key] = value
        except _Unusable as error:
            message = f"{name} cannot be given to the app: {error}"
            found.problems.append(SecretProblem(path, message, is_refused=False))
    return found


def _key(reference: SecretReference) -> str:
    return reference.file or reference.variable


def _read(reference: SecretReference, environment: Mapping[str, str]) -> str:
    if reference.file:
        value, what = _read_file(reference.file), f"the file {reference.file}"
    else:
        what = f"the variable {reference.variable}"
        if (stated := environment.get(reference.variable)) is None:
            raise _Unusable(f"the agent's environment has no variable {reference.variable}")
        value = stated
    if len(value) < SHORTEST_SECRET:
        raise _Unusable(
            f"{what} has {len(value)} characters: at least {SHORTEST_SECRET} were expected, since"
            " a shorter value cannot be told from other text, and so not be hidden"
        )
    if "\0" in value:
        raise _Unusable(f"{what} holds a zero byte, which no variable may")
    return value


def _read_file(path: str) -> str:
    try:
        # A FIFO must not hold up the run.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _Unusable(f"the file {path} cannot be read: {error.strerror}") from None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _Unusable(f"{path} is no file")
        data = file.read(_LARGEST_BYTES + 1)
    if len(data) > _LARGEST_BYTES:
        raise _Unusable(f"the file {path} has more than {_LARGEST_BYTES} bytes")
    try:
        # What editors and `echo` put at the end is no part of it.
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _Unusable(f"the file {path} is not UTF-8") from None


def _check_line(value: str) -> None:
    if not all(character == "\t" or " " <= character <= "~" for character in value):
        raise _Unusable("its value is not one line of ASCII, as a header must be")
