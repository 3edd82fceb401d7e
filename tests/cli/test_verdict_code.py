"""What a run makes a command exit with; docs/EXIT_CODES.md is the table."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from headstart.cli.exit_codes import JUDGING, MEANINGS, SIGNALS, ExitCode
from headstart.cli.verdict_code import first_of, say_unmeasured, verdict_code
from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import HostCheck, RunResult
from headstart.collector.findings.json import to_json
from headstart.collector.report.formats.gate import junit_xml
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.records_pb2 import Record, RunOutcome, RunStatus
from headstart.words.outcomes import Outcome
from headstart.words.states import RunWord
from support.fake_runs import AOT, BROKEN, JIT, Fake, small
from support.running import headstart

LEVEL_JIT = replace(JIT, first_per_second=14_600, climb_seconds=0)


@pytest.fixture(scope="module")
def good() -> RunResult:
    return Fake(kinds=(LEVEL_JIT, AOT), blocks=6, load_every=2, load_seconds=60).result()


def without(result: RunResult, variant: str, outcome: Outcome) -> RunResult:
    """The result of a run in which a variant was not measured, and not by its own fault."""
    variants = tuple(
        replace(v, outcome=outcome, trials=0, failure_message="there is none")
        if v.variant == variant
        else v
        for v in result.variants
    )
    figures = tuple(f for f in result.figures if f.variant != variant)
    return replace(result, variants=variants, figures=figures)


def test_a_run_that_decides_is_0(good: RunResult) -> None:
    assert verdict_code(good) is ExitCode.OK
    assert verdict_code(good, strict=True) is ExitCode.OK


def test_an_undecided_run_is_0_or_1_where_that_is_asked_for() -> None:
    undecided = small(blocks=2).result()

    assert verdict_code(undecided) is ExitCode.OK
    assert verdict_code(undecided, strict=True) is ExitCode.REJECTED


def test_a_variant_that_does_not_work_is_1() -> None:
    assert verdict_code(small(kinds=(JIT, BROKEN), blocks=3).result()) is ExitCode.REJECTED


def test_a_long_reason_is_said_once_and_a_short_one_with_each_variant(
    good: RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "the policy file of this host cannot be used: " + "; ".join(
        f"line {n}: unknown key" for n in range(1, 9)
    )
    nothing = without(without(good, "jit", Outcome.REFUSED), "aot", Outcome.REFUSED)
    refused = replace(
        nothing,
        state=RunWord.FAILED,
        reason=f"jit: {long}",
        variants=tuple(replace(each, failure_message=long) for each in nothing.variants),
    )
    for results, told, expected in (
        ([refused, refused], [], 1),
        ([refused], [refused.reason], 0),
        ([nothing, nothing], ["there is none"], 0),
    ):
        say_unmeasured(results, told)
        said = capsys.readouterr().err
        assert said.count(long) == expected, said
        assert said.count("has no usable trial") == 2 * len(results)
    assert said.count("there is none") == 4


@pytest.mark.parametrize("outcome", [Outcome.IMAGE_MISSING, Outcome.PORT_IN_USE, Outcome.REFUSED])
@pytest.mark.parametrize("variant", ["jit", "aot"])
def test_a_variant_without_a_trial_for_which_it_cannot_be_blamed_is_4(
    good: RunResult, variant: str, outcome: Outcome
) -> None:
    assert verdict_code(without(good, variant, outcome)) is ExitCode.NOT_MEASURED


def test_a_baseline_that_does_not_start_is_4_since_nothing_is_compared() -> None:
    assert verdict_code(small(kinds=(BROKEN, AOT), blocks=3).result()) is ExitCode.NOT_MEASURED


def test_variants_that_all_fail_alike_are_4() -> None:
    twin = replace(BROKEN, name="twin")

    assert verdict_code(small(kinds=(BROKEN, twin), blocks=3).result()) is ExitCode.NOT_MEASURED


@pytest.mark.parametrize(
    ("state", "code"),
    [(RunWord.FAILED, 4), (RunWord.CANCELLED, 4), (RunWord.LOST, 3), (RunWord.INCOMPLETE, 3)],
)
def test_a_run_that_did_not_end_well(good: RunResult, state: RunWord, code: int) -> None:
    assert verdict_code(replace(good, state=state)) == code


def test_what_our_own_agent_broke_is_3(good: RunResult) -> None:
    assert verdict_code(without(good, "aot", Outcome.AGENT_FAILED)) is ExitCode.SYSTEM_FAILED


def test_a_run_that_our_own_agent_or_collector_broke_is_3() -> None:
    fake = small(blocks=3, state=RunState.RUN_STATE_FAILED)
    records = [record for record in fake.records() if not record.HasField("run_outcome")]
    codes = [
        verdict_code(analyse_run(fake.info(), [*records, *ending]))
        for ending in (
            [Record(run_outcome=RunOutcome(status=RunStatus.RUN_STATUS_FAILED))],
            [Record(run_outcome=RunOutcome(status=RunStatus.RUN_STATUS_FAILED, agent_broke=True))],
            [],
        )
    ]

    assert codes == [4, 3, 3]


def test_3_comes_before_4_and_4_before_1() -> None:
    codes = [ExitCode.OK, ExitCode.REJECTED, ExitCode.NOT_MEASURED, ExitCode.SYSTEM_FAILED]

    found = [first_of(codes[: n + 1]) for n in range(4)]

    assert found == codes
    assert first_of([]) is ExitCode.OK


@pytest.mark.parametrize(
    ("passed", "strict", "code"),
    [(True, True, 0), (False, False, 1), (None, False, 0), (None, True, 1)],
)
def test_an_aa_run_is_about_the_host(
    good: RunResult, passed: bool | None, strict: bool, code: int
) -> None:
    check = None if passed is None else HostCheck("x", "x", passed, 0.0, 5)

    assert (
        verdict_code(replace(good, aa=True, host=replace(good.host, check=check)), strict) == code
    )


def test_gate_and_pool_exit_with_4_and_say_which_variant(tmp_path: Path, good: RunResult) -> None:
    report = tmp_path / "r.json"
    report.write_text(to_json(without(good, "aot", Outcome.IMAGE_MISSING)))

    for command in ("gate", "pool"):
        ran = headstart(command, report)

        assert ran.status == 4
        assert "aot has no usable trial (image missing: there is none)." in ran.errors


def counts(suite: ElementTree.Element) -> list[str | None]:
    return [suite.get(key) for key in ("tests", "failures", "errors", "skipped")]


@pytest.mark.parametrize("variant", ["jit", "aot"])
def test_junit_has_an_error_where_nothing_was_measured(good: RunResult, variant: str) -> None:
    root = ElementTree.fromstring(junit_xml([without(good, variant, Outcome.IMAGE_MISSING)]))  # noqa: S314
    errors = root.findall("testsuite/testcase/error")

    assert [error.get("message") for error in errors] == [
        f"{variant} has no usable trial (image missing: there is none)."
    ]
    assert root.get("errors") == "1"
    assert root.get("tests") == str(len(root.findall("testsuite/testcase")))
    assert root.get("failures") == str(len(root.findall("testsuite/testcase/failure")))


def test_junit_has_an_error_where_the_run_failed(good: RunResult) -> None:
    failed = replace(good, state=RunWord.FAILED, reason="no port")
    root = ElementTree.fromstring(junit_xml([failed]))  # noqa: S314
    suite = root.find("testsuite")

    assert suite is not None
    assert counts(suite) == ["1", "0", "1", "0"]
    assert root.findall("testsuite/testcase/error")[0].get("message") == "The run failed: no port"


def table() -> dict[int, str]:
    """What docs/EXIT_CODES.md says each code means."""
    text = (Path(__file__).parents[2] / "docs/EXIT_CODES.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if re.match(r"\| \d", line)]
    return {int(code.strip("| ")): meaning for code, meaning, *_ in rows}


def test_the_documents_table_is_that_of_the_command() -> None:
    assert table() == MEANINGS | SIGNALS
    assert list(MEANINGS) == list(ExitCode)


def test_help_names_each_code_with_its_meaning() -> None:
    words = " ".join(headstart("--help").output.split())

    for code, meaning in (MEANINGS | SIGNALS).items():
        assert f"{int(code)} {meaning}" in words


@pytest.mark.parametrize("command", JUDGING)
def test_each_command_that_judges_names_them_in_a_line(command: str) -> None:
    words = " ".join(headstart(command, "--help").output.split())

    assert "Exit codes: 0 fine, 1 " in words
    assert "4 a variant was not measured: docs/EXIT_CODES.md." in words
    assert "--strict" in words
