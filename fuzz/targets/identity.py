"""What lets somebody in: a token, and the request that comes with it."""

from fuzz.target import Table, require
from headstart.collector.identity.endings import NotGiven
from headstart.collector.identity.presented import key_hash, requested_key
from headstart.words.enrolment_token import MalformedToken, token_of

TABLE = Table()


@TABLE.add("whoever hands on a token", MalformedToken)
def enrolment_token(data: bytes) -> None:
    """What a token says, written again, says the same."""
    found = token_of(data.decode("utf-8", "replace"))
    require(token_of(found.text()) == found, "a token means something else when it is written")


@TABLE.add("whoever has a token", NotGiven)
def signing_request(data: bytes) -> None:
    require(len(key_hash(requested_key(data))) == 32, "a key without a hash")
