"""Reading JUnit XML, which a container with tests leaves: what became of each test.

There is no standard; this is what pytest, Surefire, Gradle, go-junit-report, GoogleTest, Jest and
.NET's loggers have in common. Whoever wrote the tests decides about every byte, and so may the app:
a document type is refused whole (entities that unfold, files that are fetched), and size, depth and
number have bounds. Expat reads the text as it comes, so that nothing of it is kept but the tests.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from xml.parsers import expat

from headstart.v1.records_pb2 import CaseCounts, CaseResult, CaseStatus
from headstart.words.foreign import clean
from headstart.words.test_reports import LONGEST_LINE, LONGEST_TEST, MOST_TESTS

# Of all tests together; the tenth of it is a large suite.
MOST_READ = 50_000
_DEEPEST = 64
# Of the text within a failure, of which the first line is shown.
_TEXT_CHARACTERS = 2_000
# Of names and messages together, in a record.
_RECORD_CHARACTERS = 160_000
_ROOTS = ("testsuites", "testsuite")
_BY_CHILD = {
    "failure": CaseStatus.CASE_STATUS_FAILED,
    "error": CaseStatus.CASE_STATUS_ERRORED,
    "skipped": CaseStatus.CASE_STATUS_SKIPPED,
}
# What is told first, and what counts where a test says several things of itself.
_WORST_FIRST = (
    CaseStatus.CASE_STATUS_FAILED,
    CaseStatus.CASE_STATUS_ERRORED,
    CaseStatus.CASE_STATUS_SKIPPED,
    CaseStatus.CASE_STATUS_PASSED,
)
_LONGEST_SECONDS = 1e7
# GoogleTest's word for a test that is switched off.
_NOT_RUN = ("notrun", "disabled", "suppressed")


class MalformedReport(Exception):
    """It is no JUnit XML, or too much of it; the text says what, and at which line."""


@dataclass
class Report:
    """What became of the tests of one container."""

    # As many as a record takes, those first that did not pass.
    tests: list[CaseResult] = field(default_factory=list)
    counts: CaseCounts = field(default_factory=CaseCounts)

    @property
    def total(self) -> int:
        """How many tests there are."""
        counts = self.counts
        return counts.passed + counts.failed + counts.errored + counts.skipped


class ReportReader:
    """Takes one file after the other; `report` is of all of them."""

    def __init__(self) -> None:
        self._tests: list[CaseResult] = []
        self._seen: Counter[str] = Counter()

    def read(self, name: str, pieces: Iterable[bytes]) -> None:
        """Take a file; MalformedReport. `name` is for people."""
        shown = clean.line(name, LONGEST_TEST)
        document = _Document(self._take)
        parser = expat.ParserCreate()
        parser.StartElementHandler = document.start
        parser.EndElementHandler = document.end
        parser.CharacterDataHandler = document.text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.buffer_text = True
        try:
            for piece in pieces:
                parser.Parse(piece, False)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            what = expat.errors.messages.get(error.code, str(error))
            raise MalformedReport(f"{shown}, line {error.lineno}: {what}") from error
        except MalformedReport as fault:
            raise MalformedReport(f"{shown}, line {parser.CurrentLineNumber}: {fault}") from fault
        except (LookupError, ValueError) as error:
            # An encoding that Python does not know, or that expat cannot be told.
            raise MalformedReport(f"{shown}: its encoding cannot be read") from error

    def report(self) -> Report:
        """What was taken up to now."""
        report = Report()
        statuses = Counter(test.status for test in self._tests)
        counts = report.counts
        counts.passed = statuses[CaseStatus.CASE_STATUS_PASSED]
        counts.failed = statuses[CaseStatus.CASE_STATUS_FAILED]
        counts.errored = statuses[CaseStatus.CASE_STATUS_ERRORED]
        counts.skipped = statuses[CaseStatus.CASE_STATUS_SKIPPED]
        left = _RECORD_CHARACTERS
        for test in sorted(self._tests, key=lambda each: _WORST_FIRST.index(each.status)):
            left -= len(test.test) + len(test.message)
            if left < 0 or len(report.tests) == MOST_TESTS:
                break
            report.tests.append(test)
        counts.left_out = len(self._tests) - len(report.tests)
        return report

    def _take(self, test: CaseResult) -> None:
        if len(self._tests) == MOST_READ:
            raise MalformedReport(f"more than {MOST_READ} tests")
        # Parametrised tests of some tools all have one name: their places tell them apart.
        self._seen[test.test] += 1
        if (number := self._seen[test.test]) > 1:
            test.test += f" ({number})"
        self._tests.append(test)


class _Document:
    """The elements of one file, as expat tells them."""

    def __init__(self, take: Callable[[CaseResult], None]) -> None:
        self._take = take
        self._depth = 0
        # Names of the suites that are open.
        self._suites: list[str] = []
        # The test that is open, and the depth of its element.
        self._test: CaseResult | None = None
        self._test_depth = 0
        # The depth of what it says of itself and is open; 0: nothing. Its text so far.
        self._telling_depth = 0
        self._text = ""

    def start(self, element: str, attributes: dict[str, str]) -> None:
        """See expat."""
        self._depth += 1
        name = element.rpartition(":")[2]
        if self._depth > _DEEPEST:
            raise MalformedReport(f"elements in elements, more than {_DEEPEST} deep")
        if self._depth == 1 and name not in _ROOTS:
            raise MalformedReport(
                f"the root element is <{clean.line(name, 80)}>, where <testsuites> or <testsuite>"
                " of JUnit was expected"
            )
        if self._test is not None:
            if self._depth == self._test_depth + 1 and name in _BY_CHILD:
                self._tell(self._test, name, attributes)
        elif name == "testsuite":
            self._suites.append(attributes.get("name", ""))
        elif name == "testcase":
            self._open(_name_of(attributes, self._suites), attributes)
        elif name in ("failure", "error"):
            # Of the suite as a whole, such as of what sets it up.
            suite = self._suites[-1] if self._suites else ""
            self._tell(self._open(f"{suite or 'suite'} (as a whole)", {}), name, attributes)

    def end(self, element: str) -> None:
        """See expat."""
        depth, self._depth = self._depth, self._depth - 1
        test = self._test
        if test is None:
            if element.rpartition(":")[2] == "testsuite":
                self._suites.pop()
            return
        if depth == self._telling_depth:
            self._telling_depth = 0
            test.message = test.message or _first_line(self._text)
        if depth == self._test_depth:
            self._test = None
            self._take(test)

    def text(self, data: str) -> None:
        """See expat."""
        if self._telling_depth and len(self._text) < _TEXT_CHARACTERS:
            self._text += data[:_TEXT_CHARACTERS]

    def _open(self, name: str, attributes: dict[str, str]) -> CaseResult:
        skipped = {"status", "result"} & {
            key for key, value in attributes.items() if value.lower() in _NOT_RUN
        }
        self._test = CaseResult(
            test=clean.line(name, LONGEST_TEST),
            status=CaseStatus.CASE_STATUS_SKIPPED if skipped else CaseStatus.CASE_STATUS_PASSED,
            seconds=_seconds(attributes.get("time", "")),
        )
        self._test_depth = self._depth
        return self._test

    def _tell(self, test: CaseResult, child: str, attributes: dict[str, str]) -> None:
        status = _BY_CHILD[child]
        if _WORST_FIRST.index(status) <= _WORST_FIRST.index(test.status):
            test.status = status
            test.message = test.message or _first_line(attributes.get("message", ""))
        self._telling_depth, self._text = self._depth, ""


def _name_of(attributes: dict[str, str], suites: list[str]) -> str:
    """Class, else suite, and name; what a tool puts before the name already is not repeated."""
    name = attributes.get("name", "") or "(no name)"
    group = attributes.get("classname", "") or (suites[-1] if suites else "")
    return name if not group or name.startswith(group) else f"{group}.{name}"


def _seconds(text: str) -> float:
    """0 where it is no time; Surefire writes 1,234.5."""
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return min(seconds, _LONGEST_SECONDS) if math.isfinite(seconds) and seconds > 0 else 0.0


def _first_line(text: str) -> str:
    return clean.line(text.strip().partition("\n")[0].rstrip(), LONGEST_LINE)


def _refuse_doctype(*_found: object) -> None:
    raise MalformedReport("it states a document type (DOCTYPE), which is not read")
