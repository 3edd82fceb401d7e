"""What the operator of a host allows an agent to run, from a TOML file that stays on the host.

    images = ["players:*", "registry.example/team/*", "sha256:9f86d081..."]
    commands = false
    builds = false
    memory_limit = "4GiB"
    pids_limit = 4096
    disk_limit = "10GiB"
    networks = ["own", "bridge"]

Running a container is root on its host, so without a file nothing is allowed.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from headstart.agent.instances import RuntimeFault
from headstart.agent.policy.host_paths import pattern_of
from headstart.agent.policy.image_patterns import read_pattern
from headstart.agent.policy.keys import KEYS, UNITS, WrongValue
from headstart.v1 import host_pb2
from headstart.v1.experiment_pb2 import Experiment, HostPath, Network, Pull, Variant
from headstart.v1.records_pb2 import FailureCode
from headstart.words.containers import checks_of, containers_of
from headstart.words.foreign.image_reference import (
    ImageReference,
    MalformedReference,
    parse_image,
)
from headstart.words.foreign.secrets import fits_pattern, referred_to
from headstart.words.foreign.text_files import NotUtf8, read_text
from headstart.words.foreign.toml_lines import key_lines, line_of
from headstart.words.networks import NETWORKS
from headstart.words.readiness import Kind, kind_of

_BEGINNING_OF_ID = re.compile("[0-9a-f]{6,63}")
# An engine takes up to this as a user's number. Digits that do not fit into 64 bits it looks up
# as a name, which an image's /etc/passwd may give to root (tried on 20.10).
_LARGEST_USER = (1 << 31) - 1
_SHOWN_CHARACTERS = 100
_DEFAULT_MEMORY_BYTES = 4 << 30
# Far above what a server needs, far below what a fork bomb does to a host.
_DEFAULT_PIDS = 4096
_DEFAULT_DISK_BYTES = 10 << 30
# Compressed; an SDK has some hundred MiB.
_DEFAULT_PULL_BYTES = 4 << 30
# Sources of an app, with room for a model or two.
_DEFAULT_CONTEXT_BYTES = 2 << 30
_UNLIMITED_BYTES = 1 << 60
# Neither is the host's. In the bridge an app reaches what the host's routes do.
_DEFAULT_NETWORKS = ("own", "bridge")


class PolicyError(Exception):
    """The policy file is wrong; `problems` are sentences, each with its line."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path}: " + "; ".join(problems))
        self.path = path
        self.problems = problems


@dataclass(frozen=True)
class Policy:
    """What may run, and the limits that always hold for it.

    `memory_limit_bytes` is the limit of an instance whose plan names none, and
    the most that a plan may name.
    """

    images: tuple[str, ...] = ()
    commands: bool = False
    builds: bool = False
    memory_limit_bytes: int = _DEFAULT_MEMORY_BYTES
    pids_limit: int = _DEFAULT_PIDS
    disk_limit_bytes: int = _DEFAULT_DISK_BYTES
    # Words of `headstart.words.networks`.
    networks: tuple[str, ...] = _DEFAULT_NETWORKS
    # Whether a container may run as root, and a variant replace the image's entrypoint.
    root: bool = True
    entrypoint: bool = True
    # Those that a container may be given; all others are dropped.
    capabilities: tuple[str, ...] = ()
    # What a container may be lent of the host, as patterns (`policy.host_paths`).
    host_paths: tuple[str, ...] = ()
    # What is lent to none, whatever they say; not of a file.
    kept_back: tuple[Path, ...] = ()
    # Variables of the agent's environment and files of the host that an experiment may
    # refer to, as patterns.
    secrets: tuple[str, ...] = ()
    # Whether images may be pulled, and how large one may be, compressed.
    pull: bool = False
    pull_limit_bytes: int = _DEFAULT_PULL_BYTES
    # What the context of a build that is brought here may unpack to.
    context_limit_bytes: int = _DEFAULT_CONTEXT_BYTES
    # Patterns of the repositories that builds may be fetched from.
    git: tuple[str, ...] = ()

    @classmethod
    def default(cls) -> "Policy":
        """For an agent without a policy file: nothing may run."""
        return cls()

    @classmethod
    def for_experiment(cls, experiment: Experiment, data: Path | None = None) -> "Policy":
        """For `headstart run`, where the person who asks is the operator: what the file holds.

        `data`: where the run keeps its results, which are lent to no container.
        Commands of a batch program's checks are its own arguments.
        """
        variants = [placed.container for placed in containers_of(experiment)]
        checks = () if kind_of(experiment) is Kind.BATCH else experiment.service.checks
        pull = experiment.plan.pull in (Pull.PULL_MISSING, Pull.PULL_ALWAYS)
        images = [each for each in variants if each.HasField("image")]
        return cls(
            images=tuple(sorted({_pattern(each, pull) for each in images})),
            commands=any(each.HasField("command") for each in (*variants, *checks)),
            builds=any(each.HasField("build") for each in variants),
            memory_limit_bytes=psutil.virtual_memory().total,
            # Half of what is free holds all the same.
            disk_limit_bytes=_UNLIMITED_BYTES,
            networks=_networks_of(experiment),
            capabilities=tuple(sorted({c for v in variants for c in v.needs.capabilities})),
            host_paths=tuple(
                sorted({pattern_of(each.host, each.writable) for each in _host_paths(variants)})
            ),
            kept_back=() if data is None else (data,),
            secrets=tuple(sorted({_literally(each) for each in referred_to(experiment)})),
            pull=pull,
            pull_limit_bytes=_UNLIMITED_BYTES,
            context_limit_bytes=_UNLIMITED_BYTES,
            git=tuple(sorted({v.build.git.url for v in variants if v.build.HasField("git")})),
        )

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """The policy of a file; PolicyError with all its mistakes, OSError when unreadable."""
        try:
            return parse_policy(read_text(path), path)
        except NotUtf8 as error:
            raise PolicyError(path, [f"line {error.line}: {error}"]) from error

    def message(self) -> host_pb2.Policy:
        """The same as it is told to the collector."""
        return host_pb2.Policy(
            images=self.images,
            commands=self.commands,
            builds=self.builds,
            memory_limit_bytes=self.memory_limit_bytes,
            pids_limit=self.pids_limit,
            disk_limit_bytes=self.disk_limit_bytes,
            networks=[Network.Value(NETWORKS[word]) for word in self.networks],
            root_forbidden=not self.root,
            entrypoint_forbidden=not self.entrypoint,
            secrets=self.secrets,
            knows_secrets=True,
            pull=self.pull,
            pull_limit_bytes=self.pull_limit_bytes,
            capabilities=self.capabilities,
            context_limit_bytes=self.context_limit_bytes,
            host_paths=self.host_paths,
            git=self.git,
        )

    def allows_secret(self, reference: str) -> bool:
        """Whether an experiment may be given this variable or file."""
        return any(fits_pattern(pattern, reference) for pattern in self.secrets)

    def user_refusal(self, user: str, is_stated: bool = False) -> str | None:
        """Why no container may run as this user, as a sentence; None: it may.

        `is_stated`: the variant names it, in place of its image. A name may stand for any
        number, in the image's own /etc/passwd.
        """
        number = user.partition(":")[0]
        is_number = re.fullmatch("[0-9]{1,10}", number) is not None
        if self.root or (is_number and 0 < int(number) <= _LARGEST_USER):
            return None
        # An image may state kilobytes.
        shown = user[:_SHOWN_CHARACTERS]
        if is_stated:
            return (
                f"it is to run as {shown!r}; the policy of this host allows no root (root = false),"
                " and only a number above 0 says who a user is"
            )
        runs = f"runs as {shown!r}" if user else "names no user, and so runs as root"
        return (
            f"its image {runs}; the policy of this host allows no root (root = false), and only"
            " a number says who a user is: put USER with a number above 0 into the Dockerfile"
        )

    def capabilities_refusal(self, asked: Iterable[str]) -> str | None:
        """Why no container may be given these, as a sentence; None: it may."""
        refused = sorted(set(asked) - set(self.capabilities))
        if not refused:
            return None
        allowed = ", ".join(self.capabilities) or "none"
        return (
            f"it asks for the capability {' and '.join(refused)}; the policy of this host allows"
            f" {allowed} (capabilities)"
        )

    def entrypoint_refusal(self) -> str | None:
        """Why no variant may replace the entrypoint of an image; None: it may."""
        if self.entrypoint:
            return None
        return (
            "it replaces the entrypoint of its image, which the policy of this host does not"
            " allow (entrypoint = false)"
        )

    def allows_image(self, names: Iterable[ImageReference]) -> bool:
        """Whether a pattern fits one of the names, digests and ids that an image has."""
        patterns = [read_pattern(text) for text in self.images]
        return any(pattern.fits(name) for name in names for pattern in patterns)

    def allows_pull(self, image: ImageReference) -> bool:
        """Whether a pattern fits it that names its registry."""
        patterns = [read_pattern(text) for text in self.images]
        return any(pattern.names_registry and pattern.fits(image) for pattern in patterns)

    def network_refusal(self, network: Network.ValueType) -> str | None:
        """Why no container may have this network, as a sentence; None: it may."""
        word = network_word(network)
        if word in self.networks:
            return None
        return (
            f"the plan asks for the network {word!r} (plan.network), the policy of this host"
            f" allows {' and '.join(map(repr, self.networks))} only (networks)"
        )

    def memory_refusal(self, asked_bytes: int) -> str | None:
        """Why no instance may have so much memory, as a sentence; None: it may."""
        if asked_bytes <= self.memory_limit_bytes:
            return None
        asks = f"the plan asks for a memory limit of {size_words(asked_bytes)}"
        has = psutil.virtual_memory().total
        if asked_bytes > has and self.memory_limit_bytes >= has:
            return f"{asks}, this host has {size_words(has)}"
        return (
            f"{asks}, the policy of this host allows at most {size_words(self.memory_limit_bytes)}"
            " (memory_limit)"
        )

    def memory_limit(self, asked_bytes: int) -> int:
        """The limit to apply, in bytes; 0 asks for the default. RuntimeFault when refused."""
        if (refused := self.memory_refusal(asked_bytes)) is not None:
            raise RuntimeFault(FailureCode.FAILURE_CODE_REFUSED_BY_POLICY, refused)
        return asked_bytes or self.memory_limit_bytes


def _host_paths(variants: Iterable[Variant]) -> Iterator[HostPath]:
    for variant in variants:
        yield from variant.needs.host_paths


def _literally(reference: str) -> str:
    """The pattern that fits nothing else."""
    return re.sub(r"([*?[])", r"[\1]", reference)


def _pattern(variant: Variant, pull: bool) -> str:
    """What fits the image that a variant names, which may be the beginning of an id.

    `pull`: with its registry, which whoever asks for a pull means.
    """
    if _BEGINNING_OF_ID.fullmatch(variant.image):
        return f"sha256:{variant.image}*"
    if pull:
        with suppress(MalformedReference):
            return parse_image(variant.image).full
    return variant.image


def _networks_of(experiment: Experiment) -> tuple[str, ...]:
    """The default ones, the one that it asks for, and that of tests beside a command."""
    asked = {network_word(experiment.plan.network)}
    if any(each.HasField("command") for each in experiment.variants) and any(checks_of(experiment)):
        asked.add(network_word(Network.NETWORK_HOST))
    return (*_DEFAULT_NETWORKS, *(asked & NETWORKS.keys() - set(_DEFAULT_NETWORKS)))


def network_word(network: Network.ValueType) -> str:
    """What a network is called; one that is not stated is a container's own."""
    known = {Network.Value(value): word for word, value in NETWORKS.items()}
    return known.get(network or Network.NETWORK_OWN, f"number {network}")


def parse_policy(text: str, path: Path) -> Policy:
    """The policy that a file's text means; `path` is for messages."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(path, [f"not TOML: {error}"]) from error
    except RecursionError as error:
        raise PolicyError(path, ["not a policy: nested too deep"]) from error
    problems: list[str] = []
    values: dict[str, object] = {}
    lines = key_lines(text)
    for key, value in table.items():
        line = line_of((key,), lines)
        if (known := KEYS.get(key)) is None:
            near = difflib.get_close_matches(key.lower(), KEYS, n=1)
            what = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(KEYS)}"
            problems.append(f"line {line}: {key}: unknown key; {what}")
            continue
        try:
            values[known.field] = known.read(value, line, text)
        except WrongValue as error:
            problems += [f"line {number}: {key}: {words}" for number, words in error.problems]
    if problems:
        raise PolicyError(path, problems)
    return Policy(**values)  # type: ignore[arg-type]  # each key gives its field's type


def size_words(count: int) -> str:
    """A size as the file states it."""
    for unit in ("TiB", "GiB", "MiB"):
        if count >= UNITS[unit]:
            return f"{count / UNITS[unit]:.4g} {unit}"
    return f"{count} B"
