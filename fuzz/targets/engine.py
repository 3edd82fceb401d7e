"""References of images, the policy they are held against, and labels of images."""

from pathlib import Path

from fuzz.target import Table, require
from headstart.agent.policy import PolicyError, parse_policy
from headstart.words.image_reference import MalformedReference, parse_image

TABLE = Table()


@TABLE.add("a submitter, in an experiment", MalformedReference, most_bytes=1200)
def image_reference(data: bytes) -> None:
    """What a reference means, written out, means the same."""
    found = parse_image(data.decode("utf-8", "replace"))
    require(parse_image(found.full) == found, f"{found.full!r} means something else")
    require(parse_image(found.familiar) == found, f"{found.familiar!r} means something else")


@TABLE.add("an operator, in a policy", PolicyError)
def policy(data: bytes) -> None:
    parse_policy(data.decode("utf-8", "replace"), Path("policy.toml")).message()
