"""One commit of a git repository, fetched alone and checked out."""

import re
import stat
from pathlib import Path

from headstart.agent.builds.context_archive import DEEPEST, LONGEST_NAME_BYTES, MOST_ENTRIES
from headstart.agent.builds.git_program import Git, GitFailed, GitStopped, git_problem
from headstart.agent.cancellation import Cancellation
from headstart.v1.experiment_pb2 import GitSource
from headstart.words.foreign import clean

_SECONDS = 600.0
_SHOWN_CHARACTERS = 400
# Of the names of all files and folders, with mode, id and size.
_MOST_LISTED_BYTES = 64 << 20
_LOGIN = (
    r"could not read (?:Username|Password)|prompts disabled|Authentication failed"
    r"|Permission denied|(?:error:|HTTP) 40[13]|access denied"
)
_AWAY = (
    r"resolve|refused|timed out|unreachable|unable to access|hung up|early EOF|RPC failed"
    r"|connect|too slow|Could not read from remote|error: 5"
)
# Words of git and of what it calls, which it does not translate here, and what they mean; the
# first that fits counts.
_MEANINGS = (
    (_LOGIN, "it needs a login, which is ~/.netrc or the ssh keys of the agent's user"),
    (r"Host key verification failed", "its host's key is none that the agent's user knows"),
    (
        r"not our ref|unadvertised object|remote ref|not a valid object",
        "it has no commit {commit}, or gives out none by its id",
    ),
    (
        r"not found|does not appear to be a git repository|does not exist|(?:error:|HTTP) 404",
        "there is no such repository, or it needs a login",
    ),
    (r"redirect|error: 30[1278]", "it is elsewhere by now: name the address it redirects to"),
    (r"certificate|SSL|TLS", "the connection to it cannot be trusted"),
    (r"No space left", "the disk of this host is full"),
    (r"File too large|exceeds", "it is too large (context_limit of this host's policy)"),
    (_AWAY, "it is away"),
)


class CannotCheckOut(Exception):
    """A commit is not here; the message is a sentence."""


def check_out(
    source: GitSource, folder: Path, most_bytes: int, cancelled: Cancellation
) -> tuple[Path, list[str]]:
    """Fetch a commit into a new folder: its files, and the submodules that were left out.

    CannotCheckOut, Cancelled, OSError. The address and the commit are held against their form
    by the caller.
    """
    if problem := git_problem():
        raise CannotCheckOut(problem)
    repository, tree = folder / "repository", folder / "tree"
    for each in (repository, tree):
        each.mkdir(mode=0o700)
    git = Git(repository, tree, most_bytes, _SECONDS, cancelled)
    try:
        git.run("init", "--quiet", "--template=")
        git.run(
            *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules"),
            *("--no-write-fetch-head", "--no-auto-maintenance", "--", source.url, source.commit),
            protocol=source.url.partition(":")[0],
        )
        listed = git.run(
            *("ls-tree", "-r", "-l", "-z", "--full-tree", source.commit),
            most_output=_MOST_LISTED_BYTES,
        )
        submodules = require_bounds(listed, most_bytes)
        git.run("checkout", "--quiet", "--force", "--detach", source.commit, "--")
        found = git.run("rev-parse", "--verify", "HEAD").decode("utf-8", "replace").strip()
    except GitStopped as stopped:
        raise CannotCheckOut(f"{source.url}: {stopped}") from stopped
    except GitFailed as failed:
        raise CannotCheckOut(f"{source.url}: {_reason(str(failed), source)}") from failed
    if found != source.commit:
        raise CannotCheckOut(f"{source.url}: what was checked out is {found[:80]!r}")
    return tree, submodules


def folder_within(tree: Path, name: str) -> Path:
    """A folder of a tree, reached by no link. CannotCheckOut: there is none."""
    place = tree
    for part in name.split("/"):
        if part in ("", "."):
            continue
        place = place / part
        try:
            is_folder = part != ".." and stat.S_ISDIR(place.lstat().st_mode)
        except (OSError, ValueError):
            is_folder = False
        if not is_folder:
            raise CannotCheckOut(f"the repository has no folder {name[:200]} at this commit")
    return place


def require_bounds(listed: bytes, most_bytes: int) -> list[str]:
    """Hold what a checkout will write against the bounds, before it does; its submodules."""
    total, submodules = 0, []
    entries = listed.split(b"\0")[:-1]
    if len(entries) > MOST_ENTRIES:
        raise CannotCheckOut(f"the commit has {len(entries):,} files; {MOST_ENTRIES:,} are taken")
    for entry in entries:
        facts, _, name = entry.partition(b"\t")
        try:
            mode, kind, _, size = facts.split()
            size_bytes = 0 if kind == b"commit" else int(size)
        except ValueError:
            # "BAD": an object that the server left out.
            said = clean.line(facts.decode("utf-8", "replace"), _SHOWN_CHARACTERS)
            raise CannotCheckOut(f"the commit is not whole: git says {said!r} of a file") from None
        if len(name) > LONGEST_NAME_BYTES or name.count(b"/") >= DEEPEST:
            raise CannotCheckOut(
                "the commit nests folders too deep, or has names that are too long"
            )
        if kind == b"commit" or mode == b"160000":
            submodules.append(clean.line(name.decode("utf-8", "replace"), _SHOWN_CHARACTERS))
        else:
            total += size_bytes
    if total > most_bytes:
        raise CannotCheckOut(
            f"the commit has {total / (1 << 20):,.0f} MiB of files; the policy of this host allows"
            f" {most_bytes / (1 << 20):,.0f} MiB (context_limit)"
        )
    return submodules


def _reason(words: str, source: GitSource) -> str:
    """Why it failed, as a sentence's end, with what git said of it."""
    # The repository's address says nothing of why it did not come.
    told = words.replace(source.url, "")
    meaning = next(
        (meaning for pattern, meaning in _MEANINGS if re.search(pattern, told, re.IGNORECASE)),
        "it could not be fetched",
    )
    said = clean.line(" ".join(words.split()), _SHOWN_CHARACTERS)
    return f"{meaning.format(commit=source.commit)} ({said})"
