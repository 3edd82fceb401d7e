"""Log lines of the commands: whatever is logged, one record is one line."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from headstart.cli.logs import JsonLine, OneLine
from headstart.words.log_fields import with_fields
from support.hostile_words import HOSTILE, forged_in, hostile_in


def logged(message: str, *arguments: object, error: Exception | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, message, arguments, info)
    return OneLine("%(levelname)s %(message)s").format(record)


def as_json(message: str, *arguments: object, error: Exception | None = None, **fields: Any) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, message, arguments, info)
    vars(record).update(with_fields(**fields))
    return JsonLine().format(record)


def test_json_is_one_object_a_line_whose_values_are_clean() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        line = as_json("host %s", HOSTILE, error=error, host=HOSTILE, verdicts={HOSTILE: HOSTILE})
    found = json.loads(line)

    assert "\n" not in line
    assert hostile_in(line.encode()) == []
    values = [found["message"], found["host"], *found["verdicts"], *found["verdicts"].values()]
    for value in values:
        assert "\n" not in value
        assert hostile_in(value.encode()) == []
    assert "Traceback" in found["exception"]
    assert hostile_in(found["exception"].encode()) == []


def test_numbers_stay_numbers_and_no_field_stands_for_what_every_line_has() -> None:
    found = json.loads(as_json("run ended", seconds=1.5, trials=2, level="mine", host="", cpu=None))

    assert found | {"seconds": 1.5, "trials": 2, "level": "warning", "level_": "mine"} == found
    assert "host" not in found
    assert "cpu" not in found


def test_in_text_a_field_that_could_be_taken_for_two_is_quoted() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "run ended", (), None)
    vars(record).update(with_fields(run="1", outcome='a host="evil" b', seconds=0.5))

    assert OneLine("%(message)s").format(record) == (
        'run ended: run=1 outcome="a host=\\"evil\\" b" seconds=0.5'
    )


class Named:
    def __repr__(self) -> str:
        return HOSTILE


def test_a_host_name_forges_no_line() -> None:
    name = "evil\n2026-11-28 12:00:00,000 WARNING run 1: attempt 1 was lost\x1b[2J"

    assert logged("host %s", name) == (
        r"WARNING host evil\n2026-11-28 12:00:00,000 WARNING run 1: attempt 1 was lost\x1b[2J"
    )


def test_what_an_object_says_of_itself_is_cleaned_too() -> None:
    found = logged("%s %r", ValueError(HOSTILE), Named())

    assert "\n" not in found
    assert hostile_in(found.encode()) == []


def test_a_traceback_is_indented_and_clean() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        found = logged("broke", error=error).split("\n")

    assert found[0] == "WARNING broke"
    assert found[1] == "  | Traceback (most recent call last):"
    assert all(line.startswith("  | ") for line in found[1:])
    assert hostile_in("\n".join(found).encode()) == []
    assert forged_in("\n".join(found).encode()) == []


def test_other_handlers_get_the_record_as_it_was() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%s", ("a\nb",), None)
    OneLine("%(message)s").format(record)

    assert record.getMessage() == "a\nb"


FAULTS = """
import logging, sys, threading, warnings
from headstart.cli import logs, terminal, unforeseen
from support.hostile_words import HOSTILE
terminal.prepare()
unforeseen.catch_all()
logs.send_to_stderr(logging.INFO, "%(message)s")
warnings.warn(HOSTILE)
def broken():
    raise ValueError(HOSTILE)
thread = threading.Thread(target=broken)
thread.start()
thread.join()
broken()
"""


def test_faults_and_warnings_of_our_own_are_clean_too(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "always", "-c", FAULTS]
    ran = subprocess.run(
        command,
        capture_output=True,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        check=False,
    )
    kept = [path.read_bytes() for path in tmp_path.glob("headstart-fault-*")]

    assert ran.returncode == 1
    assert ran.stderr.count(rb"\x1b]0;pwned") >= 3
    assert hostile_in(ran.stderr) == []
    assert len(kept) == 2
    assert [found for text in kept if (found := hostile_in(text))] == []
