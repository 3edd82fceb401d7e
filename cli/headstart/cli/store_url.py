"""URLs of databases that a command is given."""

from urllib.parse import parse_qsl, urlsplit

ADVICE = (
    "a URL with a password can be read by everybody on this machine: put it into a file that "
    "PGPASSFILE names"
)


def url_has_password(url: str) -> bool:
    """Whether a password stands in it; also where it is no URL that can be used."""
    try:
        found = urlsplit(url)
        return found.password is not None or any(
            name in ("password", "sslpassword") for name, _ in parse_qsl(found.query)
        )
    except ValueError:
        return "@" in url
