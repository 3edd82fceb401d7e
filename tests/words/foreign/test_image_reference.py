"""References of images: what Docker takes and means, and what it refuses.

Most cases are those of github.com/distribution/reference (`normalize_test.go`,
`reference_test.go`), read through ParseAnyReference and ParseDockerRef.
"""

import re

import pytest

from headstart.words.foreign.image_reference import (
    REFERENCE_PATTERN,
    ImageReference,
    MalformedReference,
    parse_image,
)

SHA = "f" * 64
ID = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a"


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("players", "docker.io/library/players:latest"),
        ("players:jit", "docker.io/library/players:jit"),
        ("docker.io/players:jit", "docker.io/library/players:jit"),
        ("index.docker.io/players", "docker.io/library/players:latest"),
        ("library/ubuntu", "docker.io/library/ubuntu:latest"),
        ("library/foo/bar", "docker.io/library/foo/bar:latest"),
        ("fooo/bar:1", "docker.io/fooo/bar:1"),
        ("localhost/fooo", "localhost/fooo:latest"),
        ("localhost:5000", "docker.io/library/localhost:5000"),
        ("LOCALDOMAIN/fooo", "LOCALDOMAIN/fooo:latest"),
        ("Foo/bar", "Foo/bar:latest"),
        ("test.com:5000", "docker.io/library/test.com:5000"),
        ("test:5000/repo", "test:5000/repo:latest"),
        ("192.168.1.1:5000/repo:50", "192.168.1.1:5000/repo:50"),
        ("[::1]:5000/repo:tag", "[::1]:5000/repo:tag"),
        ("[2001:db8::1]/repo", "[2001:db8::1]/repo:latest"),
        ("xn--n3h.com/my:xn--n3h.com", "xn--n3h.com/my:xn--n3h.com"),
        ("docker---rules/docker", "docker.io/docker---rules/docker:latest"),
        ("dock__er/docker", "docker.io/dock__er/docker:latest"),
        ("lowercase:Upper", "docker.io/library/lowercase:Upper"),
        ("a:_", "docker.io/library/a:_"),
        (f"a:{'t' * 128}", f"docker.io/library/a:{'t' * 128}"),
        (f"e.com/{'a' * 255}:t", f"e.com/{'a' * 255}:t"),
        (f"repo@sha256:{SHA}", f"docker.io/library/repo@sha256:{SHA}"),
        # The tag is left out, since the digest says more.
        (f"e.com/r:tag@sha256:{SHA}", f"e.com/r@sha256:{SHA}"),
        (f"r@sha512:{SHA}{SHA}", f"docker.io/library/r@sha512:{SHA}{SHA}"),
        # Docker's own short forms of these mean another registry, or an id.
        ("docker.io/a.example/b", "docker.io/a.example/b:latest"),
        (f"docker.io/library/sha256:{ID}", f"docker.io/library/sha256:{ID}"),
        # Ids; with a name before it, the same text is a name.
        (ID, f"sha256:{ID}"),
        (f"sha256:{ID}", f"sha256:{ID}"),
        (f"docker.io/{ID}", f"docker.io/library/{ID}:latest"),
        # The beginning of an id is a name.
        ("d7951c20", "docker.io/library/d7951c20:latest"),
        ("sha256:d7951c20", "docker.io/library/sha256:d7951c20"),
    ],
)
def test_a_reference_means_what_docker_takes_it_for(text: str, full: str) -> None:
    parsed = parse_image(text)

    assert parsed.full == full
    assert re.search(REFERENCE_PATTERN, text)
    assert parse_image(parsed.full) == parsed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("players/../local/debian:12", r"'\.\.' is no part of a name"),
        ("players/./x", r"'\.' is no part of a name"),
        ("../x", "registry '..'"),
        ("./x", "registry '.'"),
        ("a//b", "part of its name is empty"),
        ("/a", "part of its name is empty"),
        ("a/", "part of its name is empty"),
        ("localhost/", "part of its name is empty"),
        (":justtag", "part of its name is empty"),
        (f"@sha256:{SHA}", "part of its name is empty"),
        ("a:", "tag ''"),
        ("a::b", "tag ':b'"),
        ("a:b:c", "tag 'b:c'"),
        ("a:.b", "tag '.b'"),
        ("a:-b", "tag '-b'"),
        (f"a:{'t' * 129}", "tag"),
        ("a:\u0661", "tag"),
        ("Uppercase:tag", "capital letters"),
        ("docker/Docker", "capital letters"),
        ("test:5000/Upper/lower", "capital letters"),
        ("aa/asdf$$^/aa", "is no part of a name"),
        ("-docker/docker", "is no part of a name"),
        ("docker-/docker", "is no part of a name"),
        ("_docker/_docker", "is no part of a name"),
        ("____/____", "is no part of a name"),
        ("dock..er/docker", "registry 'dock..er'"),
        ("a/dock..er", "is no part of a name"),
        ("a/dock_.er", "is no part of a name"),
        ("a/dock___er", "is no part of a name"),
        ("https://github.com/docker/docker", "registry 'https:'"),
        ("fc00::1:5000/debian", "registry"),
        ("[fe80::1%eth0]:5000/debian", "registry"),
        ("[2001:db8:3:4::192.0.2.33]:5000/debian", "registry"),
        ("[fc00::1]", "is no part of a name"),
        ("reg.example:/x", "registry 'reg.example:'"),
        ("reg.example:\u0661/x", "registry"),
        ("reg-.example/x", "registry"),
        ("pl\u0430yers:jit", "is no part of a name"),
        ("players:jit\n", "tag"),
        ("players\n", "is no part of a name"),
        ("reg.example/x\n", "is no part of a name"),
        ("players: jit", "tag"),
        ("players:jit%2e", "tag"),
        ("players%2f..%2flocal", "is no part of a name"),
        ("players?x=1", "is no part of a name"),
        (f"{ID}\n", "is no part of a name"),
        ("repo@sha256:" + "f" * 34, "64 digits"),
        (f"repo@sha256:{SHA.upper()}", "64 digits"),
        (f"repo@sha256:{SHA}\n", "64 digits"),
        (f"repo@md5:{SHA}", "is none of sha256"),
        ("repo@", "is none of sha256"),
        (f"repo@sha256:{SHA}@sha256:{SHA}", "64 digits"),
        (f"e.com/{'a' * 256}", "more than 255"),
        ("a" * 2000, "more than 1024"),
    ],
)
def test_what_docker_refuses_is_refused_with_its_part(text: str, reason: str) -> None:
    with pytest.raises(MalformedReference, match=reason):
        parse_image(text)


def test_an_id_has_no_name() -> None:
    assert parse_image(ID) == ImageReference(digest=f"sha256:{ID}")
