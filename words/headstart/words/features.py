"""What an experiment can ask of an agent that agents of earlier releases would not see.

An unknown field of a message is skipped in silence: such an agent would measure something else.
An agent says in its hello which of these it knows; a run that asks for another one is refused.
What an agent can leave out without measuring something else is no feature.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from headstart.words.containers import checks_of, containers_of
from headstart.words.foreign.secrets import referred_to
from headstart.words.readiness import own_ports_of, steps_of


@dataclass(frozen=True)
class Feature:
    """`asked`: whether an `Experiment` asks for it; `keys`: of the file, as a person reads it."""

    name: str
    keys: str
    asked: Callable[[Any], bool]


# PULL_ALWAYS of `headstart.v1.Pull`.
_PULL_ALWAYS = 3

FEATURES = (
    Feature(
        "secrets",
        "values that come from the host (from: NAME)",
        lambda experiment: bool(referred_to(experiment)),
    ),
    Feature(
        "pull-always",
        "plan.pull: always",
        lambda experiment: bool(experiment.plan.pull == _PULL_ALWAYS),
    ),
    Feature(
        "remove-pulled",
        "plan.remove_pulled",
        lambda experiment: bool(experiment.plan.remove_pulled),
    ),
    Feature(
        "needs",
        "keys of a container (user, read_only, tmpfs, shm_size, volumes, ulimits, capabilities)",
        lambda experiment: any(
            each.needs.user
            or each.needs.read_only
            or each.needs.tmpfs_bytes
            or each.needs.shm_bytes
            or each.needs.volumes
            or each.needs.ulimits
            or each.needs.capabilities
            for each in (placed.container for placed in containers_of(experiment))
        ),
    ),
    Feature(
        "hosts",
        "names that a container resolves (hosts)",
        lambda experiment: any(
            placed.container.needs.hosts for placed in containers_of(experiment)
        ),
    ),
    Feature(
        "ready-port",
        "requests to another port (port under ready, first_data or checks)",
        lambda experiment: bool(own_ports_of(experiment.service)),
    ),
    Feature(
        "beside",
        "companions (beside)",
        lambda experiment: bool(experiment.beside),
    ),
    Feature(
        "build-git",
        "builds of a git repository (build.git)",
        lambda experiment: any(
            each.HasField("build") and each.build.HasField("git") for each in experiment.variants
        ),
    ),
    Feature(
        "context-archive",
        "builds whose contexts were sent with it",
        lambda experiment: any(
            each.HasField("build") and each.build.HasField("archive")
            for each in experiment.variants
        ),
    ),
    Feature(
        "host-paths",
        "folders and files of the host (volumes: host)",
        lambda experiment: any(
            placed.container.needs.host_paths for placed in containers_of(experiment)
        ),
    ),
    Feature(
        "ready-steps",
        "readiness in several steps (a list under ready)",
        lambda experiment: bool(experiment.service.before_ready),
    ),
    Feature(
        "container-checks",
        "checks that are containers (image)",
        lambda experiment: any(True for _ in checks_of(experiment)),
    ),
    Feature(
        "ready-log",
        "readiness by a line of the log (log under ready)",
        lambda experiment: any(check.HasField("log") for _, check in steps_of(experiment.service)),
    ),
)
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)


def unknown_to(known: Collection[str], experiment: Any) -> str:
    """Why an agent that knows these features cannot run it, as a sentence; empty: it can."""
    lacking = [each.keys for each in FEATURES if each.name not in known and each.asked(experiment)]
    if not lacking:
        return ""
    return (
        f"the file has {'; '.join(lacking)}, and this host's agent is of a release that does not"
        " know how: update it"
    )
