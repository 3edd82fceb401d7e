"""Every input that a parser was fuzzed with, or that once broke one, without the fuzzer."""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from fuzz.target import CORPUS, SECONDS_PER_INPUT
from fuzz.targets import TARGETS

MOST_BYTES = 1 << 20


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_takes_or_refuses_each_input_in_time(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())

    assert inputs
    for path in inputs:
        began = time.monotonic()
        TARGETS[name](path.read_bytes())

        assert time.monotonic() - began < SECONDS_PER_INPUT, path.name


def test_the_corpus_is_small_and_every_folder_has_its_target() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


def test_the_readme_lists_every_target() -> None:
    readme = (CORPUS.parent / "README.md").read_text()
    rows = [line.split("`")[1] for line in readme.splitlines() if line.startswith("| `")]

    assert rows == list(TARGETS)
