"""What a build may be built from here: how large what is brought may be."""

from headstart.agent.policy.policy import Policy, size_words


def context_refusal(policy: Policy, tar_bytes: int) -> str | None:
    """Why no context of this size is brought here, as a sentence; None: it may be."""
    if tar_bytes <= policy.context_limit_bytes:
        return None
    return (
        f"the context that was submitted unpacks to {size_words(tar_bytes)}; the policy of this"
        f" host allows {size_words(policy.context_limit_bytes)} (context_limit)"
    )
