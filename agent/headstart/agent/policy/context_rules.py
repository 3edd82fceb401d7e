"""What a build may be built from here: how large what is brought may be, and from where."""

from headstart.agent.policy.policy import Policy, size_words
from headstart.v1.experiment_pb2 import Build
from headstart.words.foreign.git_urls import fits_git_pattern, is_commit, is_git_url


def context_refusal(policy: Policy, build: Build) -> str | None:
    """Why the context of a build is not brought here, as a sentence; None: it may be."""
    if build.HasField("git"):
        return _git_refusal(policy, build.git.url, build.git.commit)
    tar_bytes = build.archive.tar_bytes
    if tar_bytes <= policy.context_limit_bytes:
        return None
    return (
        f"the context that was submitted unpacks to {size_words(tar_bytes)}; the policy of this"
        f" host allows {size_words(policy.context_limit_bytes)} (context_limit)"
    )


def _git_refusal(policy: Policy, url: str, commit: str) -> str | None:
    if not is_git_url(url) or not is_commit(commit):
        return f"{url[:200]!r} at {commit[:80]!r} is no commit of a git repository"
    if any(fits_git_pattern(pattern, url) for pattern in policy.git):
        return None
    return (
        f"it is to be built from {url}, which no pattern of the policy of this host fits"
        f" (git: {', '.join(policy.git) or 'none'})"
    )
