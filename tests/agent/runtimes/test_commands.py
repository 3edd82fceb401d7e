"""A command resolved: its program, its digest, and why it cannot be started."""

import hashlib
import sys
from pathlib import Path

import pytest

from headstart.agent.runtimes.commands import changed_file, named_files, resolve_command
from headstart.v1.experiment_pb2 import Command, Variant
from headstart.v1.records_pb2 import FailureCode, ResolvedVariant
from support.trees import write_tree

AGENT = {"PATH": "/usr/bin:/bin", "HOME": "/root", "SSH_AUTH_SOCK": "/tmp/x", "LC_ALL": "de_DE"}


def resolved(folder: Path, *argv: str, **command: str) -> ResolvedVariant:
    variant = Variant(name="app", command=Command(argv=argv, **command))
    return resolve_command(variant, str(folder), AGENT).variant


def program(folder: Path, name: str) -> Path:
    path = write_tree(folder, {name: "#!/bin/sh\nexit 0\n"}) / name
    path.chmod(0o755)
    return path


def test_a_relative_program_is_that_of_the_working_directory(tmp_path: Path) -> None:
    path = program(tmp_path, "build/server")

    assert resolved(tmp_path, "build/server", "--port", "1").argv == [str(path), "--port", "1"]
    assert resolved(Path("/"), "./server", working_directory=str(path.parent)).argv == [str(path)]


def test_a_bare_name_is_searched_in_the_variants_path(tmp_path: Path) -> None:
    path = program(tmp_path, "server")
    variant = Variant(
        name="app", command=Command(argv=["server"]), environment={"PATH": str(tmp_path)}
    )

    assert resolve_command(variant, "/", AGENT).variant.argv == [str(path)]
    assert Path(resolved(tmp_path, "sh").argv[0]).name == "sh"


def test_a_link_keeps_its_name_since_programs_look_at_it(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)

    assert resolved(tmp_path, "./python").argv == [str(tmp_path / "python")]


def test_of_the_agents_environment_only_what_is_needed_is_passed_on(tmp_path: Path) -> None:
    program(tmp_path, "server")

    assert resolved(tmp_path, "./server").environment == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
    }


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "its command is empty"),
        ([""], "its command is empty"),
        (["./absent"], "no program ./absent that can be executed in {folder}"),
        (["./data"], "no program ./data that can be executed in {folder}"),
        (["./"], "no program ./ that can be executed in {folder}"),
        (["no-such-program"], "no program no-such-program that can be executed in PATH (/usr/bin"),
    ],
)
def test_what_cannot_be_started_is_a_failure_that_says_why(
    tmp_path: Path, argv: list[str], words: str
) -> None:
    (tmp_path / "data").write_text("not executable")
    failure = resolved(tmp_path, *argv).failure

    assert failure.code == FailureCode.FAILURE_CODE_DOES_NOT_START
    assert failure.message.startswith("app cannot be started: " + words.format(folder=tmp_path))


def test_a_missing_working_directory_is_a_failure(tmp_path: Path) -> None:
    failure = resolved(tmp_path / "absent", "sh").failure

    assert failure.message == (
        f"app cannot be started: its working directory {tmp_path}/absent does not exist, "
        "or may not be entered"
    )


def test_files_are_found_in_arguments_however_they_are_written(tmp_path: Path) -> None:
    write_tree(tmp_path, dict.fromkeys(["app.jar", "app.aot", "lib/a.jar", "lib/b.jar"], "x"))
    arguments = [
        "-XX:AOTCache=app.aot",
        "-cp",
        "lib/a.jar:lib/b.jar:absent.jar",
        "-jar",
        "app.jar",
        "app.jar",
        "",
        "print('" + "x" * 5000 + "')",
        "a\0b",
        "-e",
        "lib",
    ]

    found = [str(file.relative_to(tmp_path)) for file in named_files(arguments, tmp_path)]
    assert found == ["app.aot", "lib/a.jar", "lib/b.jar", "app.jar"]


def test_the_digest_is_that_of_the_program_and_the_files_it_is_given(tmp_path: Path) -> None:
    path = program(tmp_path, "server")
    alone = resolved(tmp_path, "./server", "--port").digest
    write_tree(tmp_path, {"data.bin": b"one"})
    with_data = resolved(tmp_path, "./server", "data.bin").digest
    write_tree(tmp_path, {"data.bin": b"two"})
    with_other_data = resolved(tmp_path, "./server", "data.bin").digest

    assert alone == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert len({alone, with_data, with_other_data}) == 3


def test_a_file_that_was_written_replaced_or_removed_has_changed(tmp_path: Path) -> None:
    path = program(tmp_path, "server")
    variant = Variant(name="app", command=Command(argv=["./server"]))
    files = resolve_command(variant, str(tmp_path), AGENT).files
    before = changed_file(files)
    (tmp_path / "other").write_bytes(path.read_bytes())
    (tmp_path / "other").rename(path)
    replaced = changed_file(files)
    path.unlink()

    assert before is None
    assert replaced == path
    assert changed_file(files) == path
