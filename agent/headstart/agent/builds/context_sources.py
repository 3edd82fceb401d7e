"""Where the contexts of builds come from: a folder of the host, or what the submitter sent."""

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.builds.context_archive import SENT_TIME
from headstart.agent.builds.context_folders import contexts_folder, remove_contexts
from headstart.agent.builds.context_unpacking import (
    BadArchive,
    UnpackBounds,
    check_archive,
    unpack_archive,
)
from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.instances import RuntimeFault, was_cancelled
from headstart.agent.policy.context_rules import context_refusal
from headstart.agent.policy.policy import Policy
from headstart.agent.uplink.context_fetch import CannotFetch, Fetch
from headstart.v1.experiment_pb2 import Build, ContextArchive
from headstart.v1.records_pb2 import FailureCode
from headstart.words.log_fields import with_fields
from headstart.words.private_files import private_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Context:
    """A folder to build from."""

    folder: Path
    # Of the archive that it came in; empty: it is the host's own.
    sha256: str = ""
    # What all its files are said to be of; None: each says it itself.
    time_of_all: int | None = None

    @property
    def is_brought(self) -> bool:
        """Whether somebody else filled it."""
        return self.time_of_all is not None


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
        self._brought: dict[str, Context | RuntimeFault] = {}

    def of(self, build: Build) -> Context:
        """The context of a build. RuntimeFault, saying why there is none."""
        if not build.HasField("archive"):
            return Context(Path(build.context))
        key = build.archive.sha256
        if key not in self._brought:
            try:
                self._brought[key] = self._bring(build.archive)
            except RuntimeFault as fault:
                self._brought[key] = fault
        found = self._brought[key]
        if isinstance(found, RuntimeFault):
            raise found
        return found

    def remove(self) -> None:
        """Remove all of it."""
        try:
            remove_contexts(self._state)
        except OSError as error:
            log.warning("contexts of builds are removed when this agent starts next: %s", error)

    def _bring(self, archive: ContextArchive) -> Context:
        if refusal := context_refusal(self._policy, archive.tar_bytes):
            raise RuntimeFault(FailureCode.FAILURE_CODE_REFUSED_BY_POLICY, refusal)
        self._doing(f"fetching a context of {archive.stored_bytes / 1e6:.1f} MB")
        bounds = UnpackBounds(min(archive.tar_bytes, self._policy.context_limit_bytes))
        try:
            folder = self._new_folder(archive.sha256)
            self._require_room(archive)
            file = folder / "archive"
            self._fetch(archive, file, self._cancelled)
            with file.open("rb") as packed:
                check_archive(packed, archive.sha256, bounds, self._cancelled)
                packed.seek(0)
                tree = folder / "tree"
                tree.mkdir(mode=0o700)
                unpack_archive(packed, tree, bounds, self._cancelled)
            file.unlink()
        except Cancelled as cancelled:
            raise was_cancelled() from cancelled
        except (CannotFetch, BadArchive, OSError) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_CONTEXT,
                f"the context that was submitted could not be brought here: {said}",
            ) from error
        log.info("context fetched", extra=with_fields(digest=archive.sha256))
        return Context(tree, archive.sha256, SENT_TIME)

    def _new_folder(self, name: str) -> Path:
        if not (name.isalnum() and name.isascii()):
            raise CannotFetch(f"it is called {name[:80]!r}")
        private_folder(contexts_folder(self._state))
        folder = contexts_folder(self._state) / name
        folder.mkdir(mode=0o700)
        return folder

    def _require_room(self, archive: ContextArchive) -> None:
        """A disk that is full of contexts keeps the agent from measuring."""
        needed = archive.stored_bytes + archive.tar_bytes
        with suppress(FileNotFoundError):
            free = shutil.disk_usage(self._state).free
            if needed > free / 2:
                raise CannotFetch(
                    f"it takes {needed / 1e6:,.0f} MB, more than half of the {free / 1e6:,.0f} MB"
                    " that are free on this host"
                )
