"""What `headstart gate` hands to a CI system: a summary in Markdown, and JUnit's XML."""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from headstart.collector.analysis.verdict.gates import asked
from headstart.collector.findings import (
    CaseWord,
    Decision,
    GateOutcome,
    GateStatus,
    Recommendation,
    RunResult,
)
from headstart.collector.findings.usable import cut_short, why_unmeasured, without_usable_trial
from headstart.collector.report.sentences.text import fenced, line, markdown as md, tail
from headstart.collector.report.views.cases_view import case_sentence
from headstart.collector.report.views.decision import DECISION_SIGNS
from headstart.words.foreign import clean

GATE_SIGNS = {
    GateStatus.PASSED: "✅",
    GateStatus.FAILED: "❌",
    GateStatus.UNDECIDED: "❔",
    GateStatus.NOT_MEASURED: "➖",
}
_TAIL_LINES = 12
_TESTS_SHOWN = 20
_COUNTS = ("tests", "failures", "errors", "skipped")


def failed(result: RunResult) -> bool:
    """Whether a gate that somebody stated failed, or a variant is rejected."""
    return any(each.decision is Decision.REJECT for each in result.recommendations)


def undecided(result: RunResult) -> bool:
    """Whether any variant is not a clear `proceed`, or there is none to judge."""
    decisions = [each.decision for each in result.recommendations]
    return not decisions or any(each is not Decision.PROCEED for each in decisions)


def gate_markdown(results: Sequence[RunResult]) -> str:
    """A summary to append to $GITHUB_STEP_SUMMARY or to post on a change."""
    return "\n".join(text for result in results for text in _summary(result)) + "\n"


def _summary(result: RunResult) -> Iterator[str]:
    revision = f", revision {md(result.revision)}" if result.revision else ""
    yield f"## Headstart: {md(result.experiment)} on {md(result.host.name)}{revision}"
    yield ""
    yield f"Run {md(result.run_id)}. Gates: {md(result.gates_from) or 'none'}."
    if not result.recommendations:
        yield ""
        yield f"There is no variant besides the baseline {md(result.baseline)} to judge."
    for each in result.recommendations:
        yield ""
        word = f"{DECISION_SIGNS[each.decision]} {md(each.variant)}: {each.decision.value}"
        yield f"### {word}"
        yield ""
        yield md(each.summary)
        gates = _gates(result, each)
        if gates:
            yield ""
            yield "| Gate | Outcome | Evidence |"
            yield "|---|---|---|"
        for gate in gates:
            title = md(asked(gate.limit, result.baseline))
            sign = f"{GATE_SIGNS[gate.status]} {gate.status.value}"
            yield f"| {title} | {sign} | {md(_evidence(gate))} |"
        if each.missing:
            yield ""
        for point in each.missing:
            yield f"- {md(point)}"
        sentences = [why for _, _, why in _tests(result, each.variant)]
        if sentences:
            yield ""
        for sentence in sentences[:_TESTS_SHOWN]:
            yield f"- {md(sentence)}"
        if len(sentences) > _TESTS_SHOWN:
            yield f"- and {len(sentences) - _TESTS_SHOWN} more tests"
        if each.output_tail:
            yield ""
            yield fenced(tail(each.output_tail, _TAIL_LINES), "text")
    yield ""


def _gates(result: RunResult, each: Recommendation) -> list[GateOutcome]:
    return [gate for gate in result.gate_outcomes if gate.variant == each.variant]


def _evidence(gate: GateOutcome) -> str:
    return gate.text.partition(": ")[2]


def _tests(result: RunResult, variant: str) -> Iterator[tuple[str, bool, str]]:
    """Of each test that is told of a variant: a title, whether it fails, and the sentence."""
    for cases in result.cases:
        for case in cases.cases if cases.variant == variant else ():
            fails = case.outcome in (CaseWord.FAILED, CaseWord.ERRORED)
            yield f"{cases.check}: {case.test}", fails, case_sentence(case, cases, result.baseline)


def junit_xml(results: Sequence[RunResult]) -> str:
    """One suite per run and variant; a case for the variant itself and one for each gate.

    And one for each test in a container that fails on it, or that it does not run as the baseline
    does: those that pass are in the tests' own report.

    Undecided is skipped, not failed: it is no evidence that anything is wrong. What was not
    measured is an error, no pass; so is a baseline that was not, and a run that was cut short.
    """
    root = ElementTree.Element("testsuites", name="headstart")
    for result in results:
        unmeasured = {v.variant: why_unmeasured(v) for v in without_usable_trial(result)}
        judged = {each.variant for each in result.recommendations}
        for name, why in unmeasured.items():
            if name not in judged:
                _error_suite(root, result, name, why)
        if cut_short(result):
            _error_suite(root, result, "run", f"The run {result.state}: {line(result.reason)}")
        for each in result.recommendations:
            _suite(root, result, each, unmeasured.get(each.variant, ""))
    for key in _COUNTS:
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    for element in root.iter():
        # XML 1.0 has no form at all for most controls, and a parser refuses the whole file.
        element.text = clean.lines(element.text) if element.text else element.text
        for name, value in element.items():
            element.set(name, clean.line(value))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _error_suite(root: ElementTree.Element, result: RunResult, name: str, why: str) -> None:
    """Of what nobody judges: the baseline, or the run as a whole."""
    full = line(f"{result.experiment}.{result.host.name}.{name}")
    suite = ElementTree.SubElement(root, "testsuite", name=full)
    title = "the run is done" if name == "run" else f"{name} is measured"
    case = ElementTree.SubElement(suite, "testcase", classname=full, name=line(title))
    ElementTree.SubElement(case, "error", message=line(why))
    for key, count in zip(_COUNTS, (1, 0, 1, 0), strict=True):
        suite.set(key, str(count))


def _suite(
    root: ElementTree.Element, result: RunResult, each: Recommendation, unmeasured: str
) -> None:
    gates = _gates(result, each)
    name = line(f"{result.experiment}.{result.host.name}.{each.variant}")
    suite = ElementTree.SubElement(root, "testsuite", name=name)
    missed = [gate for gate in gates if gate.status is GateStatus.FAILED and gate.limit.hard]
    works = ElementTree.SubElement(
        suite, "testcase", classname=name, name=f"{each.variant} works and answers as it should"
    )
    failures = len(missed)
    if each.decision is Decision.REJECT and not missed:
        failures += 1
        failure = ElementTree.SubElement(works, "failure", message=line(each.summary))
        failure.text = tail(each.output_tail, _TAIL_LINES)
    elif unmeasured:
        error = ElementTree.SubElement(works, "error", message=line(unmeasured))
        error.text = tail(each.output_tail, _TAIL_LINES)
    skipped = 0
    tests = list(_tests(result, each.variant))
    for title, fails, why in tests:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=line(title))
        ElementTree.SubElement(case, "failure" if fails else "skipped", message=line(why))
        failures += fails
        skipped += not fails
    for gate in gates:
        case = ElementTree.SubElement(
            suite, "testcase", classname=name, name=line(asked(gate.limit, result.baseline))
        )
        if gate in missed:
            ElementTree.SubElement(case, "failure", message=line(gate.text))
        elif gate.status is not GateStatus.PASSED:
            skipped += 1
            ElementTree.SubElement(
                case, "skipped", message=line(f"{gate.status.value}: {gate.text}")
            )
    # A gate of what was not measured may still fail: the image's size is known.
    errors = int(works.find("error") is not None)
    counts = (len(gates) + len(tests) + 1, failures, errors, skipped)
    for key, count in zip(_COUNTS, counts, strict=True):
        suite.set(key, str(count))
