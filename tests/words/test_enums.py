import pytest

from headstart.v1.experiments_pb2 import RunState
from headstart.v1.records_pb2 import BinaryKind, FailureCode
from headstart.words.enums import word, words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, ""),
        (FailureCode.FAILURE_CODE_DOES_NOT_START, "does_not_start"),
        # What a newer agent sends.
        (4711, "4711"),
    ],
)
def test_a_value_is_shown_by_its_word(value: FailureCode.ValueType, expected: str) -> None:
    assert word(FailureCode, value) == expected


def test_a_word_has_no_trace_of_the_name_of_its_enum() -> None:
    assert word(BinaryKind, BinaryKind.BINARY_KIND_NATIVE_AOT) == "native_aot"


def test_all_words_of_an_enum_are_those_of_its_values() -> None:
    found = words(RunState)

    assert 0 not in found
    assert found[RunState.RUN_STATE_DONE] == "done"
    assert len(found) == len(RunState.values()) - 1
