"""One commit of a repository, over real git: what comes, what does not, and what is never run."""

import os
import threading
from pathlib import Path

import psutil
import pytest

from headstart.agent.builds import git_program
from headstart.agent.builds.context_archive import SENT_TIME
from headstart.agent.builds.context_sources import ContextSources
from headstart.agent.builds.git_checkout import CannotCheckOut, check_out, folder_within
from headstart.agent.builds.git_program import Git, GitStopped, git_problem
from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.instances import RuntimeFault
from headstart.agent.policy.policy import Policy
from headstart.agent.uplink.context_fetch import no_fetch
from headstart.v1.experiment_pb2 import Build, GitSource
from headstart.v1.records_pb2 import FailureCode
from support.git_serving import commit, git, git_server
from support.running import free_port
from support.waiting import wait_until

FILES = {"app/Dockerfile": "FROM scratch", "app/a": "a" * 3000, "README": "hello"}
LIMIT = 64 << 20
NONE = "0123456789" * 4


def checked_out(
    url: str, sha: str, folder: Path, limit: int = LIMIT, cancelled: Cancellation | None = None
) -> Path:
    folder.mkdir()
    source = GitSource(url=url, commit=sha)
    tree, _ = check_out(source, folder, limit, cancelled or Cancellation())
    return tree


def names(tree: Path) -> list[str]:
    return sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir())


def test_the_commit_that_was_named_comes_and_no_other(tmp_path: Path) -> None:
    repository = tmp_path / "team/app"
    first = commit(repository, FILES)
    commit(repository, {"later": "", "README": "changed"})
    with git_server(tmp_path) as server:
        tree = checked_out(f"{server.address}/team/app", first, tmp_path / "made")

    assert names(tree) == sorted(FILES)
    assert (tree / "README").read_text() == "hello"
    assert folder_within(tree, "app") == tree / "app"
    assert folder_within(tree, ".") == tree


@pytest.mark.parametrize("name", ["gone", "README", "link", "link/a", "app/../app", ".."])
def test_a_context_is_a_folder_of_the_repository_and_no_link(tmp_path: Path, name: str) -> None:
    write = tmp_path / "tree/app"
    write.mkdir(parents=True)
    (tmp_path / "tree/README").touch()
    (tmp_path / "tree/link").symlink_to("/etc")

    with pytest.raises(CannotCheckOut, match="has no folder"):
        folder_within(tmp_path / "tree", name)


@pytest.mark.parametrize(
    ("path", "sha", "fault", "message"),
    [
        ("team/app", NONE, "", "has no commit 0123456789.*not our ref"),
        ("team/none", NONE, "", "no such repository, or it needs a login"),
        ("team/app", NONE, "login", r"needs a login, which is ~/\.netrc"),
        ("team/app", NONE, "http://127.0.0.1:1", "elsewhere by now: name the address"),
    ],
)
def test_what_does_not_come_has_a_sentence_of_its_own(
    tmp_path: Path, path: str, sha: str, fault: str, message: str
) -> None:
    commit(tmp_path / "team/app", FILES)
    with (
        git_server(tmp_path, fault) as server,
        pytest.raises(CannotCheckOut, match=message) as told,
    ):
        checked_out(f"{server.address}/{path}", sha, tmp_path / "made")

    assert str(told.value).startswith(f"{server.address}/{path}: ")


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotCheckOut, match=r"it is away .*[Cc]onnect"):
        checked_out(f"http://127.0.0.1:{free_port()}/team/app", NONE, tmp_path / "made")


def test_a_login_is_that_of_the_agents_user_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = commit(tmp_path / "team/app", FILES)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login perf password players\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with git_server(tmp_path, "login") as server:
        tree = checked_out(f"{server.address}/team/app", sha, tmp_path / "made")

    assert names(tree) == sorted(FILES)


def test_what_is_too_large_is_stopped(tmp_path: Path) -> None:
    """By what comes, and by what a checkout would make of it before it does."""
    large = commit(tmp_path / "large", {"a": os.urandom(3 << 20)})
    bomb = commit(tmp_path / "bomb", {"a": bytes(40 << 20)})
    with git_server(tmp_path) as server:
        with pytest.raises(CannotCheckOut, match="context_limit"):
            checked_out(f"{server.address}/large", large, tmp_path / "one", 1 << 20)
        with pytest.raises(CannotCheckOut, match="the commit has 40 MiB of files"):
            checked_out(f"{server.address}/bomb", bomb, tmp_path / "two", 20 << 20)

    assert names(tmp_path / "two/tree") == []


def asks(process: psutil.Process, url: str) -> bool:
    return url in (process.info["cmdline"] or [])


def test_a_server_that_says_nothing_is_given_up_and_a_cancellation_ends_it(tmp_path: Path) -> None:
    for name in ("repository", "tree"):
        (tmp_path / name).mkdir()
    cancelled = Cancellation()
    with git_server(tmp_path, "stalls") as server:
        url = f"{server.address}/team/app"
        folders = tmp_path / "repository", tmp_path / "tree"
        Git(*folders, LIMIT, 60, Cancellation()).run("init", "--quiet")
        impatient = Git(*folders, LIMIT, 0.3, Cancellation())
        with pytest.raises(GitStopped, match="not there within"):
            impatient.run("fetch", "--", url, NONE, protocol="http")
        asked = len(server.asked)

        def cancel() -> None:
            wait_until(lambda: len(server.asked) > asked, 30)
            cancelled.set()

        waiting = threading.Thread(target=cancel)
        waiting.start()
        with pytest.raises(Cancelled):
            checked_out(url, NONE, tmp_path / "made", cancelled=cancelled)
        waiting.join()
        wait_until(lambda: not any(asks(each, url) for each in psutil.process_iter(["cmdline"])))


def test_nothing_of_a_repository_or_of_the_user_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hooks by a template, filters by attributes, submodules, an alias, a helper of protocols."""
    witness = tmp_path / "witness"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {witness}\n")
    program.chmod(0o755)
    hooks = tmp_path / "template/hooks"
    hooks.mkdir(parents=True)
    (hooks / "post-checkout").symlink_to(program)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f"[init]\n templateDir = {tmp_path}/template\n[core]\n hooksPath = {hooks}\n"
        f" fsmonitor = {program}\n askPass = {program}\n sshCommand = {program}\n"
        f'[filter "x"]\n smudge = {program}\n[credential]\n helper = {program}\n'
    )
    other = commit(tmp_path / "other", {"secret": "x"})
    sha = commit(
        tmp_path / "app",
        FILES | {".gitattributes": "* filter=x\n", ".gitmodules": '[submodule "s"]\n path = s\n'},
        ("update-index", "--add", "--cacheinfo", f"160000,{other},s"),
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "/none")
    monkeypatch.setenv("GIT_SSH_COMMAND", str(program))
    with git_server(tmp_path) as server:
        source = GitSource(url=f"{server.address}/app", commit=sha)
        (tmp_path / "made").mkdir()
        tree, submodules = check_out(source, tmp_path / "made", LIMIT, Cancellation())
        server.fault = "login"
        with pytest.raises(CannotCheckOut, match="needs a login"):
            checked_out(source.url, sha, tmp_path / "again")

    assert not witness.exists()
    assert submodules == ["s"]
    assert list((tree / "s").iterdir()) == []
    assert (tree / "README").read_text() == "hello"


@pytest.mark.parametrize("protocol", ["https", "ssh", ""])
def test_no_other_protocol_is_spoken_than_that_of_the_address(
    tmp_path: Path, protocol: str
) -> None:
    sha = commit(tmp_path / "app", FILES)
    for name in ("repository", "tree"):
        (tmp_path / name).mkdir()
    made = Git(tmp_path / "repository", tmp_path / "tree", LIMIT, 30, Cancellation())
    made.run("init", "--quiet")

    for url in (f"file://{tmp_path}/app", f"ext::sh -c 'touch {tmp_path}/ran'"):
        with pytest.raises(git_program.GitFailed, match="not allowed"):
            made.run("fetch", "--depth=1", "--", url, sha, protocol=protocol)

    assert not (tmp_path / "ran").exists()


def test_a_repository_of_the_host_is_taken_where_its_address_says_file(tmp_path: Path) -> None:
    sha = commit(tmp_path / "app", FILES)
    git(tmp_path / "app", "config", "uploadpack.allowAnySHA1InWant", "true")

    assert names(checked_out(f"file://{tmp_path}/app", sha, tmp_path / "made")) == sorted(FILES)


def test_a_host_without_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_problem() is None
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.25.1\n")
    old.chmod(0o755)
    git_program._version_problem.cache_clear()
    try:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "too old: git version 2.25.1; 2.32 is needed" in str(git_problem())
        monkeypatch.setenv("PATH", "/none")
        assert "this host has no git" in str(git_problem())
    finally:
        git_program._version_problem.cache_clear()


def test_a_tag_is_no_commit(tmp_path: Path) -> None:
    """It has an id of its own, by which a server gives out its commit."""
    sha = commit(tmp_path / "app", FILES)
    git(tmp_path / "app", "tag", "--annotate", "--message", "m", "v1")
    tag = git(tmp_path / "app", "rev-parse", "v1")
    with (
        git_server(tmp_path) as server,
        pytest.raises(CannotCheckOut, match=f"what was checked out is '{sha}'"),
    ):
        checked_out(f"{server.address}/app", tag, tmp_path / "made")


def brought(state: Path, policy: Policy) -> ContextSources:
    state.mkdir(exist_ok=True)
    return ContextSources(state, policy, no_fetch, Cancellation(), lambda _words: None)


def test_builds_of_one_commit_share_what_was_fetched(tmp_path: Path) -> None:
    sha = commit(tmp_path / "app", FILES | {"other/Dockerfile": ""})
    with git_server(tmp_path) as server:
        source = GitSource(url=f"{server.address}/app", commit=sha)
        sources = brought(tmp_path / "state", Policy(git=(f"{server.address}/*",)))
        app = sources.of(Build(git=source, context="app"))
        asked = len(server.asked)
        other = sources.of(Build(git=source, context="other"))
        with pytest.raises(RuntimeFault, match="no folder gone at this commit") as fault:
            sources.of(Build(git=source, context="gone"))

    assert (app.folder.name, other.folder.name) == ("app", "other")
    assert app.folder.parent == other.folder.parent
    assert (app.git, app.sha256, app.time_of_all) == (source, "", SENT_TIME)
    assert len(server.asked) == asked
    assert fault.value.code == FailureCode.FAILURE_CODE_CONTEXT
    sources.remove()
    assert not (tmp_path / "state/contexts").exists()


def test_what_the_policy_does_not_allow_is_asked_of_no_server(tmp_path: Path) -> None:
    sha = commit(tmp_path / "app", FILES)
    with git_server(tmp_path) as server:
        build = Build(git=GitSource(url=f"{server.address}/app", commit=sha), context=".")
        for policy in (Policy(), Policy(git=(f"{server.address}/other/*",))):
            with pytest.raises(RuntimeFault, match="no pattern of the policy") as fault:
                brought(tmp_path / "state", policy).of(build)
            assert fault.value.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY

    assert server.asked == []
