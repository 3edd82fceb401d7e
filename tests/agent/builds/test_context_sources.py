"""Contexts that are brought: each once, held against hash and policy, and removed afterwards."""

import io
from pathlib import Path

import pytest

from headstart.agent.builds.context_archive import SENT_TIME, pack_archive
from headstart.agent.builds.context_folders import remove_contexts
from headstart.agent.builds.context_sources import Context, ContextSources
from headstart.agent.builds.ignore import context_paths
from headstart.agent.builds.projects import read_projects
from headstart.agent.cancellation import Cancellation
from headstart.agent.instances import RuntimeFault
from headstart.agent.policy.policy import Policy
from headstart.agent.uplink.context_fetch import CannotFetch, no_fetch
from headstart.v1.experiment_pb2 import Build, ContextArchive
from headstart.v1.records_pb2 import FailureCode
from support.contexts import archive_of
from support.trees import write_tree

FILES: dict[str, str | bytes] = {"Dockerfile": "FROM scratch", "src/a": "a" * 3000}


class Collector:
    """Has one archive."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked = 0

    def fetch(self, _archive: ContextArchive, into: Path, _cancelled: Cancellation) -> None:
        self.asked += 1
        into.write_bytes(self.data)


def sources(state: Path, collector: Collector, policy: Policy | None = None) -> ContextSources:
    said: list[str] = []
    state.mkdir(exist_ok=True)
    return ContextSources(state, policy or Policy(), collector.fetch, Cancellation(), said.append)


def test_a_context_is_brought_once_and_removed_with_all_that_is_in_it(tmp_path: Path) -> None:
    archive, data = archive_of(tmp_path / "mine", FILES)
    collector = Collector(data)
    found = sources(tmp_path / "state", collector)
    context = found.of(Build(archive=archive, context="/elsewhere"))
    again = found.of(Build(archive=archive, dockerfile="Other"))
    content = (context.folder / "src/a").read_text()
    (context.folder / "src").chmod(0)
    found.remove()

    assert context == again == Context(context.folder, archive.sha256, time_of_all=SENT_TIME)
    assert content == "a" * 3000
    assert collector.asked == 1
    assert not (tmp_path / "state/contexts").exists()


def test_a_run_that_was_abandoned_removes_nothing_of_the_next_one(tmp_path: Path) -> None:
    archive, data = archive_of(tmp_path / "mine", FILES)
    abandoned = sources(tmp_path / "state", Collector(data))
    old = abandoned.of(Build(archive=archive)).folder
    following = sources(tmp_path / "state", Collector(data))
    context = following.of(Build(archive=archive))
    abandoned.remove()

    assert not old.exists()
    assert (context.folder / "src/a").exists()
    following.remove()
    assert not (tmp_path / "state/contexts").exists()


def test_a_build_without_an_archive_is_of_the_hosts_own_folder(tmp_path: Path) -> None:
    found = sources(tmp_path, Collector(b"")).of(Build(context="/src"))

    assert found == Context(Path("/src"))
    assert (found.name, found.time_of_all) == ("/src", None)


def test_what_an_agent_that_was_killed_left_is_removed(tmp_path: Path) -> None:
    archive, data = archive_of(tmp_path / "mine", FILES)
    sources(tmp_path / "state", Collector(data)).of(Build(archive=archive))

    # Whatever kept a run from removing it, it is not in the way of the next.
    sources(tmp_path / "state", Collector(data)).of(Build(archive=archive))

    (removed,) = remove_contexts(tmp_path / "state")
    assert removed.startswith(f"context {archive.sha256}")
    assert remove_contexts(tmp_path / "state") == []


def changed(archive: ContextArchive, **fields: str | int) -> ContextArchive:
    found = ContextArchive()
    found.CopyFrom(archive)
    for name, value in fields.items():
        setattr(found, name, value)
    return found


@pytest.mark.parametrize(
    ("fields", "policy", "code", "message"),
    [
        ({"sha256": "0" * 64}, Policy(), FailureCode.FAILURE_CODE_CONTEXT, "is another one"),
        ({"sha256": "../.."}, Policy(), FailureCode.FAILURE_CODE_CONTEXT, r"it is called '\.\./"),
        ({"tar_bytes": 2048}, Policy(), FailureCode.FAILURE_CODE_CONTEXT, "unpacks to more than"),
        (
            {"tar_bytes": 1 << 50},
            Policy(context_limit_bytes=1 << 60),
            FailureCode.FAILURE_CODE_CONTEXT,
            "more than half of the .* MB that are free on this host",
        ),
        (
            {"tar_bytes": 3 << 30},
            Policy(),
            FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
            r"unpacks to 3 GiB; the policy of this host allows 2 GiB \(context_limit\)",
        ),
    ],
)
def test_what_is_refused_has_its_reason_and_is_asked_for_once(
    tmp_path: Path, fields: dict[str, str | int], policy: Policy, code: int, message: str
) -> None:
    archive, data = archive_of(tmp_path / "mine", FILES)
    build = Build(archive=changed(archive, **fields))
    collector = Collector(data)
    found = sources(tmp_path / "state", collector, policy)

    for _ in range(2):
        with pytest.raises(RuntimeFault, match=message) as fault:
            found.of(build)
    found.remove()

    assert fault.value.code == code
    assert collector.asked <= 1
    assert not (tmp_path / "state/contexts").exists()


def test_without_a_collector_nothing_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(CannotFetch, match="no collector"):
        no_fetch(ContextArchive(), tmp_path, Cancellation())


def test_no_link_of_a_context_has_the_agent_read_a_file_of_the_host(tmp_path: Path) -> None:
    secret = write_tree(tmp_path, {"secret": "[z-a]\n"}) / "secret"
    silences = "<Project><NoWarn>IL2026</NoWarn></Project>"
    outside = write_tree(tmp_path / "outside", {"a.csproj": silences}) / "a.csproj"
    context = write_tree(tmp_path / "context", {"Dockerfile": ""})
    (context / ".dockerignore").symlink_to(secret)
    (context / "a.csproj").symlink_to(outside)
    (context / "b.csproj").symlink_to("b.csproj")

    with pytest.raises(OSError, match=r"^\.dockerignore is a link that leads out of the context$"):
        list(context_paths(context, "Dockerfile", Cancellation()))
    with pytest.raises(OSError, match="leads out of the context"):
        pack_archive(context, "Dockerfile", (False,), io.BytesIO())
    assert read_projects(context).silenced == ()
