"""The script that an interpreter is given is looked for, and nothing else is taken for one."""

from pathlib import Path

import pytest

from headstart.agent.trial.scripts import missing_script
from headstart.v1.experiment_pb2 import Command


@pytest.mark.parametrize(
    ("argv", "missing"),
    [
        (["/usr/bin/python3", "server.py", "8080"], 1),
        (["python3.11", "-u", "app/server.py"], 2),
        (["java", "-Xmx64m", "-jar", "app.jar"], 3),
        (["dotnet", "App.dll"], 1),
        (["node", "--max-old-space-size=64", "main.mjs"], 2),
        (["wasmtime", "run", "app.cwasm"], 2),
    ],
)
def test_a_script_that_is_not_there_is_found_by_its_place(
    tmp_path: Path, argv: list[str], missing: int
) -> None:
    assert missing_script(argv, str(tmp_path)) == missing
    # As it comes in a message.
    assert missing_script(Command(argv=argv).argv, str(tmp_path)) == missing

    (tmp_path / argv[missing]).parent.mkdir(exist_ok=True)
    (tmp_path / argv[missing]).touch()

    assert missing_script(argv, str(tmp_path)) is None


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["./server", "config.py"],
        ["python3", "-c", "import app; app.run('x.py')"],
        ["python3", "-m", "http.server"],
        ["deno", "run", "https://example.org/main.ts"],
        ["java", "-cp", "classes", "Main"],
        ["java", "-cp", "a.jar:lib/b.jar", "Main"],
        ["java", "-cp", "classes", "Main", "out.jar"],
        ["bash", "-lc", "exec ./run.sh"],
        ["sh", "-ec", "exec ./serve.sh"],
        ["node", "--require", "dd-trace/init.js", "app.js"],
        ["node", "-e", "1", "out.js"],
        ["python3", "--config=none.py"],
        ["python3", "x" * 5000 + ".py"],
        ["esbuild", "--outfile=out.js", "in.js"],
    ],
)
def test_what_need_not_be_a_file_is_not_missed(tmp_path: Path, argv: list[str]) -> None:
    assert missing_script(argv, str(tmp_path)) is None
