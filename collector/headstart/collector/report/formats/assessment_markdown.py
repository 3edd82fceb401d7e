"""An assessment as Markdown: the decision record that a team commits, of several runs.

Recommendation and checklist first, then what they rest on; every figure with the run that it is of.
"""

from collections.abc import Iterable, Iterator

from headstart.collector.analysis.across.assessment import Assessment, Subject
from headstart.collector.findings import RunResult
from headstart.collector.report.sentences.text import fenced, line, markdown as md, tail
from headstart.collector.report.views import (
    assessed_builds_view as built,
    assessment_view as view,
    checklist_view,
)
from headstart.collector.report.views.decision import DECISION_SIGNS, NOT_MEASURED, advice
from headstart.collector.report.views.view import advice as host_advice, moment, variant_names

# Trials of a run that bear the same mark, the most frequent first.
_MARKS_SHOWN = 4
_TAIL_LINES = 12


def assessment_markdown(assessment: Assessment, title: str = "") -> str:
    """`title`: of the document; by default the experiments that are judged."""
    return "\n".join(_lines(assessment, title)) + "\n"


def _lines(assessment: Assessment, title: str) -> Iterator[str]:
    named = ", ".join(subject.judged.experiment for subject in assessment.subjects)
    yield f"# {md(title or f'Ahead of time or just in time: {named}')}"
    yield from _recommended(assessment)
    yield from _checklist(assessment)
    for subject in assessment.subjects:
        yield from _subject(subject)
    yield from _bases(assessment)
    yield from _warnings(assessment)
    yield from _packages(assessment)
    yield from _follow_up(assessment)
    yield from _runs(assessment)
    yield from _host(assessment)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Nothing where there is no row."""
    found = list(rows)
    if not found:
        return
    names = list(columns)
    yield ""
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in found:
        yield f"| {' | '.join(map(md, row))} |"


def _recommended(assessment: Assessment) -> Iterator[str]:
    yield ""
    yield "## Recommendation"
    for subject in assessment.subjects:
        run = subject.judged
        yield ""
        yield f"### {md(subject.title)}"
        yield ""
        yield f"**{md(checklist_view.verdict_of(subject))}**"
        yield ""
        yield md(
            f"Experiment {run.experiment}, run {run.run_id}; gates: {run.gates_from or 'none'}."
        )
        compiled = {v.variant: v.compilation for v in run.variants}
        last_words = {r.variant: tail(r.output_tail, _TAIL_LINES) for r in run.recommendations}
        for each in advice(run):
            sign = DECISION_SIGNS[each.decision]
            yield ""
            yield (
                f"{sign} **{md(each.variant)}** ({md(compiled.get(each.variant, ''))}): "
                f"**{each.decision.value}**. {md(each.summary)}"
            )
            yield from _listed(each.rationale)
            yield from _listed(f"open: {point}" for point in each.missing)
            if said := last_words.get(each.variant):
                yield from ("", "The last lines of its output:", "", fenced(said, "text"))


def _listed(sentences: Iterable[str]) -> Iterator[str]:
    found = list(sentences)
    if found:
        yield ""
    yield from (f"- {md(sentence)}" for sentence in found)


def _checklist(assessment: Assessment) -> Iterator[str]:
    yield ""
    yield "## Checklist"
    rows = []
    for question in checklist_view.checklist(assessment):
        said = [*question.answers]
        if question.missing:
            said.append(f"{NOT_MEASURED}: {', '.join(question.missing)}")
        rows.append((question.asked, question.answered, "; ".join(said)))
    yield from _table(("Asked", "Answered", "By what"), rows)


def _subject(subject: Subject) -> Iterator[str]:
    run = subject.judged
    yield ""
    yield f"## Before and after: {md(subject.title)}"
    yield ""
    yield md(
        f"{run.experiment} on {run.host.name}. Middle, 95 % interval and number of trials; the "
        "ratio is that to what is before, of trials of the same blocks, and the verdict is on it. "
        f"Load: {run.load.description or NOT_MEASURED}."
    )
    for table in view.tables(subject):
        yield ""
        yield f"### {md(table.baseline)} to {md(table.variant)} ({md(table.compilation)})"
        yield from _table(
            ("", table.baseline, table.variant, "Ratio (95 %)", "Verdict", "Run"),
            (
                (row.metric.title, row.before, row.after, row.ratio, row.verdict, row.run_id)
                for row in table.rows
            ),
        )


def _bases(assessment: Assessment) -> Iterator[str]:
    rows = view.base_rows(assessment)
    yield ""
    yield "## Base images"
    if not rows:
        yield from ("", f"{NOT_MEASURED}: no run is of images whose base is known.")
        return
    yield from _table(
        ("Kind", "Base", "Variant", "", "To pull", "Unpacked", "Startup", "Memory idle", "Run"),
        (
            (
                r.family,
                r.base,
                r.variant,
                r.compilation,
                r.pull,
                r.unpacked,
                r.startup,
                r.idle,
                r.run_id,
            )
            for r in rows
        ),
    )
    absent = [each for each in view.ASKED_BASES if each not in {row.family for row in rows}]
    yield from ("", "The kind is by the names of base and variant.")
    if absent:
        yield from ("", md(f"{', '.join(absent)}: {NOT_MEASURED}."))


def _warnings(assessment: Assessment) -> Iterator[str]:
    rows = built.warning_rows(assessment)
    yield ""
    yield "## Warnings of builds"
    if not rows:
        yield from ("", f"{NOT_MEASURED}: no run built a variant that warned of something.")
        return
    yield ""
    yield (
        "In places, each counted once. Trimming: codes IL2xxx; compiling ahead of time: IL3xxx. "
        "Blocking: a check that runs through the package fails; suppressible: such a check passes, "
        "or it is not about the way of compiling; review: nobody knows yet."
    )
    yield from _table(
        ("Build", "Category", "Trimming", "Ahead of time", "Others", "Most of them in", "Run"),
        (
            (
                f"{r.experiment}: {r.variant}",
                r.category,
                f"{r.trimming:,}",
                f"{r.ahead_of_time:,}",
                f"{r.others:,}",
                r.packages,
                r.run_id,
            )
            for r in rows
        ),
    )


def _packages(assessment: Assessment) -> Iterator[str]:
    yield ""
    yield "## Compatibility of libraries"
    checked = built.checked_packages(assessment)
    if checked:
        yield ""
        yield (
            "By checks that ran against what was compiled ahead of time, and say what they run "
            "through."
        )
    else:
        yield from ("", f"{NOT_MEASURED}: no check says which packages it runs through (`covers`).")
    yield from _table(
        ("Package", "Variant", "Found", "By the check", "Warned of in", "Run"),
        (
            (
                found.package,
                found.variant,
                found.working.value,
                found.evidence or "none was heard",
                "" if found.places is None else f"{found.places} places",
                found.run_id,
            )
            for found in checked
        ),
    )
    unchecked = built.unchecked_packages(assessment)
    if unchecked:
        yield ""
        yield "Not checked, though the build warns of them:"
    yield from _listed(f"{name}: {places} places (run {run})" for name, places, run in unchecked)


def _follow_up(assessment: Assessment) -> Iterator[str]:
    yield ""
    yield "## Follow-up issue"
    yield ""
    yield "What one would file, made of what is above:"
    tasks = checklist_view.to_do(assessment)
    subject = assessment.subjects[0]
    run = subject.judged
    yield ""
    yield f"> **Compile {md(run.experiment)} ahead of time**"
    yield ">"
    yield f"> {md(checklist_view.verdict_of(subject))} Runs: {md(', '.join(_ids(assessment)))}."
    yield ">"
    yield from (f"> - [ ] {md(task)}" for task in tasks)
    yield ">"
    gates = run.gates_from or "its gates"
    names = ", ".join(name for name in variant_names(run)[1:])
    yield (
        f"> Done when a run of {md(run.experiment)} says proceed by {md(gates)}, for one of: "
        f"{md(names)}."
    )


def _ids(assessment: Assessment) -> list[str]:
    return [run.run_id for run in assessment.runs]


def _runs(assessment: Assessment) -> Iterator[str]:
    yield ""
    yield "## The runs"
    yield from _table(
        ("Run", "Experiment", "About", "Ended", "Blocks", "Trials", "Marked trials"),
        (
            (
                run.run_id,
                run.experiment,
                subject.title,
                moment(run.ended_unix_seconds),
                str(run.blocks_completed),
                _trials(run),
                _marks(run),
            )
            for subject in assessment.subjects
            for run in subject.runs
        ),
    )
    yield ""
    yield (
        "A mark is what may have disturbed a trial; what it costs the figures is said in each "
        "run's own report. Figures of several runs stand side by side and are never divided by one "
        "another: they were not interleaved."
    )


def _trials(run: RunResult) -> str:
    trials = sum(v.trials for v in run.variants)
    failed = sum(v.trials_failed for v in run.variants)
    invalid = sum(v.trials_invalid for v in run.variants)
    return f"{trials}, {failed} failed, {invalid} invalid"


def _marks(run: RunResult) -> str:
    counts: dict[str, int] = {}
    for variant in run.variants:
        for code, trials in variant.flags.items():
            counts[code] = counts.get(code, 0) + trials
    ordered = sorted(counts.items(), key=lambda each: -each[1])[:_MARKS_SHOWN]
    return ", ".join(f"{line(code)} {trials}" for code, trials in ordered) or "none"


def _host(assessment: Assessment) -> Iterator[str]:
    host = assessment.subjects[0].judged.host
    yield ""
    yield "## The host"
    yield ""
    yield md(f"{host.name}: {line(host.cpu_model)}, fingerprint {host.fingerprint}.")
    # What else is known of it stands in the report of each run.
    named = [fact for fact in host.facts if "_" not in fact.name]
    yield from _listed(f"{fact.name}: {fact.value}" for fact in named)
    said: dict[str, list[str]] = {}
    for run in assessment.runs:
        for level, text in host_advice(run):
            said.setdefault(f"{level}: {text}", []).append(run.run_id)
    if said:
        yield ""
        yield "What spoiled measurements there, as each run found it when it began:"
    yield from _listed(f"{text} (run {', '.join(runs)})" for text, runs in said.items())
    if assessment.revision:
        yield from ("", md(f"Revision {assessment.revision}."))
