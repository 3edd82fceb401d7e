"""What of an image is the app's own."""

import tarfile

import pytest

from headstart.agent.image.binary import Binary
from headstart.agent.image.sizes import looks_like_scratch, own_bytes
from headstart.agent.image.tree import Entry, Tree


def tree(files: dict[str, int]) -> Tree:
    made = Tree()
    made.add_layer(Entry(path, tarfile.REGTYPE, size) for path, size in files.items())
    return made


def test_the_folder_of_the_program_is_the_apps_and_symbols_are_apart() -> None:
    made = tree({"app/server": 1000, "app/x/lib.so": 20, "app/server.dbg": 300, "usr/lib/c": 9})
    binary = Binary(path="/app/server", own="/app/server", symbol_bytes=50)

    assert own_bytes(made, binary, "/") == (970, 350)


def test_in_a_shared_folder_only_the_program_and_what_is_named_after_it() -> None:
    made = tree({"usr/bin/server": 1000, "usr/bin/server.debug": 300, "usr/bin/perl": 9})

    assert own_bytes(made, Binary(path="/usr/bin/server", own="/usr/bin/server"), "/") == (
        1000,
        300,
    )


def test_a_program_in_the_root_is_alone() -> None:
    made = tree({"server": 1000, "etc/passwd": 5})

    assert own_bytes(made, Binary(path="/server", own="/server"), "/") == (1000, 0)


def test_neighbours_on_a_class_path_are_the_apps() -> None:
    made = tree({"app/classes/Main.class": 3, "app/lib/a.jar": 40, "jdk/lib/modules": 900})

    assert own_bytes(made, Binary(path="/jdk/bin/java", own="/app/classes"), "/") == (43, 0)


def test_without_a_known_program_the_working_directory_is_taken() -> None:
    made = tree({"srv/app/index.js": 3, "usr/bin/node": 900})

    assert own_bytes(made, Binary(path="/usr/bin/node"), "/srv/app") == (3, 0)
    assert own_bytes(made, Binary(path="/usr/bin/node"), "/") == (0, 0)


@pytest.mark.parametrize(
    ("path", "scratch"),
    [("app/server", True), ("etc/os-release", False), ("var/lib/dpkg/status.d/libc6", False)],
)
def test_an_operating_system_is_seen_by_its_signs(path: str, scratch: bool) -> None:
    assert looks_like_scratch(tree({path: 1})) is scratch
