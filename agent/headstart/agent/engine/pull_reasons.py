"""What an engine's words about a pull that failed mean, as one of a few sentences.

Engines pass on what a registry or the network said; codes of the distribution API
(unauthorized, denied, manifest unknown, toomanyrequests) and Go's words for network errors are
stable, the rest is shown as it is.
"""

import re

from headstart.words.foreign.image_reference import ImageReference

_SHOWN_CHARACTERS = 500
# Of these a registry may make as many as it likes; what they mean stands at their beginning.
_READ_CHARACTERS = 4096
_NO_SUCH_IMAGE = "there is no such image at {registry}"
_LOGIN_REFUSED = (
    "{registry} refused the login; it is taken from DOCKER_AUTH_CONFIG or the Docker"
    " configuration (config.json) of the agent's user"
)
# The first that fits counts. Docker's own registry says the same of what is private and of
# what does not exist.
_MEANINGS: tuple[tuple[str, str], ...] = (
    ("pull access denied|may require 'docker login'", f"{_NO_SUCH_IMAGE}, or {_LOGIN_REFUSED}"),
    ("manifest unknown|name unknown|manifest for .* not found", _NO_SUCH_IMAGE),
    ("unauthorized|denied|forbidden|authentication required|no basic auth", _LOGIN_REFUSED),
    ("incorrect username or password|no Docker configuration", _LOGIN_REFUSED),
    (
        "no matching manifest|does not match the specified platform",
        "{registry} has it for other platforms only, not for {platform}",
    ),
    ("toomanyrequests|too many requests", "{registry} allows no more pulls for now"),
    ("no space left on device", "the disk of the engine is full"),
    ("x509|certificate|HTTP response to HTTPS", "the connection to {registry} cannot be trusted"),
    ("refused|no such host|timeout|deadline exceeded|unreachable", "{registry} is away"),
    ("reset by peer|broken pipe|EOF|no route|bad gateway", "{registry} is away"),
    ("unavailable|misbehaving|internal server error", "{registry} is away"),
)


def reason_of(words: str, image: ImageReference, platform: str) -> str:
    """Why a pull failed, as a sentence, with what the engine said of it."""
    # What an image is called says nothing of why it did not come.
    words = words[:_READ_CHARACTERS]
    told = re.sub(rf"(?<![\w.-]){re.escape(image.path)}(?![\w-])", "", words)
    meaning = next(
        (meaning for pattern, meaning in _MEANINGS if re.search(pattern, told, re.IGNORECASE)),
        "the engine could not pull it",
    )
    said = words.strip()[:_SHOWN_CHARACTERS]
    return f"{meaning.format(registry=image.domain, platform=platform)} ({said})"
