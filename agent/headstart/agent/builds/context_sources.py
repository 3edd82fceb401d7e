"""Where contexts of builds come from: folders of the host, what was sent, commits of git."""

import hashlib
import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from headstart.agent.builds.context_archive import SENT_TIME
from headstart.agent.builds.context_folders import (
    contexts_folder,
    remove_contexts,
    remove_if_empty,
    remove_tree,
)
from headstart.agent.builds.context_unpacking import (
    BadArchive,
    UnpackBounds,
    check_archive,
    unpack_archive,
)
from headstart.agent.builds.git_checkout import CannotCheckOut, check_out, folder_within
from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.instances import RuntimeFault, was_cancelled
from headstart.agent.policy.context_rules import context_refusal
from headstart.agent.policy.policy import Policy
from headstart.agent.uplink.context_fetch import CannotFetch, Fetch
from headstart.v1.experiment_pb2 import Build, ContextArchive, GitSource
from headstart.v1.records_pb2 import FailureCode
from headstart.words.log_fields import with_fields
from headstart.words.private_files import private_folder

log = logging.getLogger(__name__)

_SUBMITTED = "the context that was submitted could not be brought here"
_FROM_GIT = "what it is built from could not be fetched"
_SUBMODULES_SHOWN = 5


@dataclass(frozen=True)
class Context:
    """A folder to build from."""

    folder: Path
    # Of the archive that it came in.
    sha256: str = ""
    # The commit that it is of.
    git: GitSource = field(default_factory=GitSource)
    # What all its files are said to be of; None: it is the host's own, and each says it itself.
    time_of_all: int | None = None

    @property
    def is_brought(self) -> bool:
        """Whether it was fetched, and so is known by something better than its bytes."""
        return self.time_of_all is not None

    @property
    def name(self) -> str:
        """What its author knows it by, and not where it was brought to."""
        if self.sha256:
            return "the context that was submitted"
        if self.git.url:
            return f"the context in {self.git.url} at {self.git.commit}"
        return str(self.folder)


def is_brought(build: Build) -> bool:
    """Whether the context of a build is to be fetched first."""
    return build.HasField("archive") or build.HasField("git")


class ContextSources:
    """Brings what the builds of a run need, each once; `remove` what was brought."""

    def __init__(
        self,
        state: Path,
        policy: Policy,
        fetch: Fetch,
        cancelled: Cancellation,
        doing: Callable[[str], None],
    ) -> None:
        self._state = state
        self._policy = policy
        self._fetch = fetch
        self._cancelled = cancelled
        self._doing = doing
        self._folders: list[Path] = []
        # Key of what was brought -> its tree, or why there is none.
        self._brought: dict[str, Path | RuntimeFault] = {}

    def of(self, build: Build) -> Context:
        """The context of a build. RuntimeFault, saying why there is none."""
        if not is_brought(build):
            return Context(Path(build.context))
        if refusal := context_refusal(self._policy, build):
            raise RuntimeFault(FailureCode.FAILURE_CODE_REFUSED_BY_POLICY, refusal)
        if build.HasField("archive"):
            tree = self._once(build.archive.sha256, lambda: self._bring_archive(build.archive))
            return Context(tree, build.archive.sha256, time_of_all=SENT_TIME)
        tree = self._once(_key(build.git), lambda: self._bring_commit(build.git))
        with _told(_FROM_GIT):
            return Context(folder_within(tree, build.context), "", build.git, SENT_TIME)

    def remove(self) -> None:
        """Remove all of it, and nothing of another run's.

        A run that was abandoned may come here when the next one builds.
        """
        try:
            for folder in self._folders:
                if folder.is_dir():
                    remove_tree(folder)
            with suppress(FileNotFoundError):
                remove_if_empty(contexts_folder(self._state))
        except OSError as error:
            log.warning("contexts of builds are removed when this agent starts next: %s", error)

    def _once(self, key: str, bring: Callable[[], Path]) -> Path:
        if not self._brought:
            # What an earlier run could not remove is in the way.
            with _told("what an earlier run left could not be removed"):
                remove_contexts(self._state)
        if key not in self._brought:
            try:
                self._brought[key] = bring()
            except RuntimeFault as fault:
                self._brought[key] = fault
        found = self._brought[key]
        if isinstance(found, RuntimeFault):
            raise found
        return found

    def _bring_archive(self, archive: ContextArchive) -> Path:
        self._doing(f"fetching a context of {archive.stored_bytes / 1e6:.1f} MB")
        bounds = UnpackBounds(min(archive.tar_bytes, self._policy.context_limit_bytes))
        with _told(_SUBMITTED):
            self._require_room(archive.stored_bytes + archive.tar_bytes)
            folder = self._new_folder(archive.sha256)
            file = folder / "archive"
            self._fetch(archive, file, self._cancelled)
            with file.open("rb") as packed:
                check_archive(packed, archive.sha256, bounds, self._cancelled)
                packed.seek(0)
                tree = folder / "tree"
                tree.mkdir(mode=0o700)
                unpack_archive(packed, tree, bounds, self._cancelled)
            file.unlink()
        log.info("context fetched", extra=with_fields(digest=archive.sha256))
        return tree

    def _bring_commit(self, source: GitSource) -> Path:
        self._doing(f"fetching {source.url} at {source.commit[:12]}")
        with _told(_FROM_GIT):
            free = shutil.disk_usage(self._state).free
            most_bytes = min(self._policy.context_limit_bytes, free // 2)
            folder = self._new_folder(_key(source))
            tree, submodules = check_out(source, folder, most_bytes, self._cancelled)
        log.info("commit fetched", extra=with_fields(digest=source.commit))
        if submodules:
            names = ", ".join(submodules[:_SUBMODULES_SHOWN])
            log.warning("submodules of %s are not fetched: %s", source.url, names)
        return tree

    def _new_folder(self, name: str) -> Path:
        if not (name.isalnum() and name.isascii()):
            raise CannotFetch(f"it is called {name[:80]!r}")
        private_folder(contexts_folder(self._state))
        folder = contexts_folder(self._state) / f"{name}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        self._folders.append(folder)
        return folder

    def _require_room(self, needed: int) -> None:
        """A disk that is full of contexts keeps the agent from measuring."""
        free = shutil.disk_usage(self._state).free
        if needed > free / 2:
            raise CannotFetch(
                f"it takes {needed / 1e6:,.0f} MB, more than half of the {free / 1e6:,.0f} MB"
                " that are free on this host"
            )


def _key(source: GitSource) -> str:
    return hashlib.sha256(f"{source.url} {source.commit}".encode()).hexdigest()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What goes wrong while a context is brought, as the fault of a variant."""
    try:
        yield
    except Cancelled as cancelled:
        raise was_cancelled() from cancelled
    except (CannotFetch, BadArchive, CannotCheckOut, OSError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RuntimeFault(FailureCode.FAILURE_CODE_CONTEXT, f"{what}: {said}") from error
