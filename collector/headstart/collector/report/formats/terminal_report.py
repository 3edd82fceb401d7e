"""The report in a terminal, and as plain text where there is none."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.collector.findings import Decision, RunResult, Verdict
from headstart.collector.report.formats.build_terminal import build_tables
from headstart.collector.report.formats.console import report_console
from headstart.collector.report.plots import image_parts
from headstart.collector.report.sentences import wording
from headstart.collector.report.sentences.interval_words import interval_note
from headstart.collector.report.sentences.job_catching_up import job_sentences
from headstart.collector.report.sentences.text import line
from headstart.collector.report.views import decision, view
from headstart.collector.report.views.cases_view import (
    COLUMNS as CASE_COLUMNS,
    case_lists,
    case_rows,
)
from headstart.collector.report.views.companions_view import (
    COLUMNS as COMPANION_COLUMNS,
    companion_rows,
    companion_sentences,
)
from headstart.collector.report.views.counters_view import counter_lines
from headstart.collector.report.views.start_view import start_table
from headstart.collector.report.views.text_forest import forest_lines

VERDICT_STYLES = {
    Verdict.BETTER: "green",
    Verdict.WORSE: "red",
    Verdict.EQUIVALENT: "blue",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.UNAVAILABLE: "dim",
}
DECISION_STYLES = {Decision.PROCEED: "green", Decision.DEFER: "yellow", Decision.REJECT: "red"}
# Rows of the widest table fit into this.
_PLAIN_WIDTH = 110
_TAIL_LINES = 12


def print_result(result: RunResult, console: Console) -> None:
    """Findings, tables, failures and limits; no plots.

    Neither markup nor escape sequences that a measured program wrote take effect.
    """
    printer = _Printer(console)
    printer.say(Text(view.title(result), style="bold"))
    advised = decision.advice(result)
    for advice in advised:
        printer.advice(advice)
    printer.overview(result)
    printer.say(Text())
    printer.say(Text("  ".join(f"{name}: {value}" for name, value in view.facts(result)), "dim"))
    for advice in advised:
        printer.grounds(advice)
    printer.listed("Limits of this run", [line(remark) for remark in result.remarks], "yellow")
    for variant in view.variant_names(result)[1:]:
        printer.findings(result, variant)
        printer.table(result, variant)
    printer.listed("Under load over time", list(wording.courses(result)))
    printer.listed("Jobs by their length", job_sentences(result))
    for trouble in view.troubles(result):
        printer.trouble(trouble)
    printer.cases(result)
    for part in build_tables(result):
        printer.say(Text())
        printer.say(part)
    printer.start(result)
    printer.images(result)
    printer.listed("Runtime counters, from separate trials", counter_lines(result))
    printer.companions(result)
    printer.listed("What else differs", [line(sentence) for sentence in result.confounders])
    printer.listed(
        "Invalid trials",
        [
            f"{variant}, {what}: {count} ({example})"
            for variant, what, count, example in view.invalid(result)
        ],
    )
    printer.listed("Host", [f"{level}: {text}" for level, text in view.advice(result)])
    if result.comparisons:
        printer.say(Text(f"\n{interval_note(result)} Seed {result.seed}.", style="dim"))


class _Printer:
    def __init__(self, console: Console) -> None:
        self.plain = not console.is_terminal
        self.console = report_console(console, _PLAIN_WIDTH)

    def say(self, text: Text | Table) -> None:
        # A plain file gets long lines whole: what reads it, searches it.
        soft = self.plain and isinstance(text, Text)
        self.console.print(text, soft_wrap=soft, highlight=False)

    def advice(self, advice: decision.Advice) -> None:
        sign = decision.DECISION_SIGNS[advice.decision]
        said = Text(
            f"{sign} {advice.variant}: {advice.decision.value}",
            f"bold {DECISION_STYLES[advice.decision]}",
        )
        said.append(f"  {advice.summary}", style="default not bold")
        self.say(said)

    def grounds(self, advice: decision.Advice) -> None:
        """Each gate, and what would settle what is open."""
        if advice.rationale or advice.missing:
            self.say(Text(f"\n{advice.variant}: why", style="bold"))
        for reason in advice.rationale:
            self.say(Text(f"  - {reason}"))
        for open_point in advice.missing:
            self.say(Text(f"  → {open_point}"))

    def overview(self, result: RunResult) -> None:
        """Before and after with the verdicts, and the ratios as lines."""
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
        table.add_column("")
        for name in view.variant_names(result):
            table.add_column(Text(name), justify="right")
        for row in decision.before_after(result):
            verdicts = row.verdicts or (None,) * len(row.cells)
            cells = []
            for cell, verdict in zip(row.cells, verdicts, strict=True):
                text = Text(cell)
                if verdict is not None:
                    text.append(f" {wording.SIGNS[verdict]}", style=VERDICT_STYLES[verdict])
                cells.append(text)
            table.add_row(Text(row.title), *cells)
        self.say(Text())
        self.say(table)
        lines = forest_lines(result)
        # One that is wrapped shows nothing.
        if lines and (self.plain or max(map(len, lines)) <= self.console.width):
            self.say(Text())
            for drawn in lines:
                self.say(Text(drawn))

    def findings(self, result: RunResult, variant: str) -> None:
        sentences = wording.headlines(result, variant)
        if sentences:
            self.say(Text())
        for sentence in sentences:
            said = Text(
                f"{wording.SIGNS[sentence.verdict]} ", style=VERDICT_STYLES[sentence.verdict]
            )
            said.append(sentence.text, style="default")
            self.say(said)

    def table(self, result: RunResult, variant: str) -> None:
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
        table.add_column(Text(f"{variant} against {result.baseline}"))
        table.add_column(Text(result.baseline), justify="right")
        table.add_column(Text(variant), justify="right")
        table.add_column("ratio (95 %)")
        table.add_column("verdict")
        for row in view.rows(result):
            base = row.cells[0]
            cell = next(cell for cell in row.cells if cell.variant == variant)
            if cell.blank:
                continue
            verdict = Text()
            if cell.verdict is not None:
                verdict.append(cell.verdict.value, style=VERDICT_STYLES[cell.verdict])
            table.add_row(
                Text(row.metric.title),
                _value(base),
                _value(cell),
                Text(cell.ratio),
                verdict,
            )
        if table.row_count:
            self.say(Text())
            self.say(table)

    def start(self, result: RunResult) -> None:
        found = start_table(result)
        if not found:
            return
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
        table.add_column("One start, ms since exec")
        for column in found.columns:
            table.add_column(Text(column), justify="right")
        for title, cells in found.rows:
            table.add_row(Text(title), *map(Text, cells))
        self.say(Text())
        self.say(table)

    def companions(self, result: RunResult) -> None:
        self.listed("Beside the app, and in no figure of it", companion_sentences(result))
        rows = companion_rows(result)
        if not rows:
            return
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
        for name in ("Service", "Variant", ""):
            table.add_column(name)
        for name in COMPANION_COLUMNS:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*map(Text, (row.companion, row.variant, row.kind, *row.values)))
        self.say(Text())
        self.say(table)

    def cases(self, result: RunResult) -> None:
        rows = case_rows(result)
        if not rows:
            return
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
        table.add_column("Tests")
        table.add_column("variant")
        for column in CASE_COLUMNS:
            table.add_column(column, justify="right")
        for row in rows:
            table.add_row(Text(row.check), Text(row.variant), *map(Text, row.counts))
        self.say(Text())
        self.say(table)
        for found in case_lists(result):
            self.listed(found.title, list(found.sentences))

    def images(self, result: RunResult) -> None:
        rows = image_parts.image_rows(result)
        if not rows:
            return
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
        table.add_column("Images by part")
        for name in ("to pull", "unpacked", "above base", "own files", "symbols", "layers"):
            table.add_column(name, justify="right")
        table.add_column("program")
        for row in rows:
            kind = Text(row.kind)
            if row.wrong:
                kind.append(f" {image_parts.MISLABELLED}", style="bold red")
            sizes = (row.pull, row.unpacked, row.above_base, row.own, row.symbols, row.layers)
            table.add_row(Text(row.variant), *map(Text, sizes), kind)
        self.say(Text())
        self.say(table)

    def trouble(self, trouble: view.Trouble) -> None:
        self.say(Text(f"\n{trouble.variant}: {trouble.outcome}", style="bold red"))
        why = "; ".join(filter(None, (trouble.message, trouble.trials)))
        if why:
            self.say(Text(f"{why}."))
        for check in trouble.checks:
            self.say(Text(f"  {check}"))
        for output in trouble.output_tail.split("\n")[-_TAIL_LINES:]:
            if output.strip():
                self.say(Text(f"  | {output}", style="dim"))

    def listed(self, heading: str, sentences: list[str], style: str = "default") -> None:
        if not sentences:
            return
        self.say(Text(f"\n{heading}", style="bold"))
        for sentence in sentences:
            self.say(Text(f"- {sentence}", style=style))


def _value(cell: view.Cell) -> Text:
    """A flag beside a value that comes from flagged trials."""
    return Text(f"{cell.value} !" if cell.flagged else cell.value)
