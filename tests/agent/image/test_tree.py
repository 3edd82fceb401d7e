"""Layers merged into the files that a program sees."""

import tarfile

from headstart.agent.image.tree import Entry, Tree


def file(path: str, size: int = 1) -> Entry:
    return Entry(path, tarfile.REGTYPE, size)


def link(path: str, target: str) -> Entry:
    return Entry(path, tarfile.SYMTYPE, 0, target)


def folder(path: str) -> Entry:
    return Entry(path, tarfile.DIRTYPE, 0)


def tree(*layers: list[Entry]) -> Tree:
    made = Tree()
    for layer in layers:
        made.add_layer(layer)
    return made


def real(made: Tree, path: str) -> str | None:
    found = made.find(path)
    return found[0] if found else None


def test_a_layer_above_replaces_and_hides() -> None:
    made = tree(
        [file("app/a", 1), file("app/b", 2), file("old/x", 3), file("kept/y", 4)],
        [file("app/a", 10), file("app/.wh.b"), file(".wh.old"), file("app/c", 5)],
    )

    assert sorted(made.files("/")) == [("/app/a", 10), ("/app/c", 5), ("/kept/y", 4)]


def test_an_opaque_folder_hides_what_is_below_and_not_its_own() -> None:
    made = tree([file("app/a"), file("app/sub/b")], [file("app/new"), file("app/.wh..wh..opq")])

    assert sorted(made.files("/")) == [("/app/new", 1)]


def test_links_are_followed_as_a_program_follows_them() -> None:
    made = tree(
        [
            folder("usr/lib"),
            link("lib", "usr/lib"),
            file("usr/lib/jvm/bin/java"),
            link("usr/bin/java", "/etc/alternatives/java"),
            link("etc/alternatives/java", "../../lib/jvm/bin/java"),
        ],
        [file("lib/new.so")],
    )

    assert real(made, "/usr/bin/java") == "/usr/lib/jvm/bin/java"
    assert real(made, "/lib/new.so") == "/usr/lib/new.so"
    assert real(made, "/usr/bin/../lib/jvm") == "/usr/lib/jvm"
    assert real(made, "/usr/bin/none") is None


def test_no_path_leads_out_of_the_image() -> None:
    made = tree([link("out", "../../../etc/passwd"), file("etc/passwd", 7)])

    assert real(made, "/out") == "/etc/passwd"
    assert real(made, "/../../etc/passwd") == "/etc/passwd"


def test_links_in_a_circle_lead_nowhere() -> None:
    made = tree([link("a", "b"), link("b", "a"), link("self", "self/self/self")], [file("a/x")])

    assert real(made, "/a") is None
    assert real(made, "/self") is None
    assert list(made.files("/")) == []


def test_a_hard_link_is_counted_once() -> None:
    made = tree([file("bin/a", 9), Entry("bin/b", tarfile.LNKTYPE, 0, "bin/a")])

    assert list(made.files("/bin")) == [("/bin/a", 9)]
    assert real(made, "/bin/b") == "/bin/a"


def test_a_file_may_become_a_folder_and_a_folder_a_file() -> None:
    made = tree([file("a"), file("b/c")], [file("a/x"), file("b", 4)])

    assert sorted(made.files("/")) == [("/a/x", 1), ("/b", 4)]


def test_paths_deeper_than_any_kernel_takes_are_left_out() -> None:
    assert list(tree([file("d/" * 5000 + "f")]).files("/")) == []
