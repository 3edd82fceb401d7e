"""What analysis finds, as plain data: no arrays, so that reading it needs no statistics.

It is what all others read of a result.
"""

from headstart.collector.findings.builds import (
    RULE,
    BuildPart,
    BuildStage,
    Category,
    DiagnosticExample,
    DiagnosticGroup,
    PackageCheck,
    Risk,
    VariantBuild,
    VariantDiagnostics,
    Working,
)
from headstart.collector.findings.cases import Case, CaseWord, VariantCases
from headstart.collector.findings.companions import Companion, CompanionTook
from headstart.collector.findings.counters import CounterReading, RuntimeCounters
from headstart.collector.findings.figures import Comparison, Figure, Interval
from headstart.collector.findings.gates import GateLimit, GateOutcome, Recommendation
from headstart.collector.findings.host_found import (
    AdviceGrade,
    Fact,
    HostAdvice,
    HostCheck,
    RunHost,
)
from headstart.collector.findings.images import BaseKnown, Image, ImageLayer
from headstart.collector.findings.jobs import JobBreakEven, JobOvertaking
from headstart.collector.findings.load import (
    BreakEven,
    Overtaking,
    Ramp,
    RunLoad,
    Series,
    Shape,
    VariantWarmup,
    Warmup,
    WindowSeries,
    as_far_as,
)
from headstart.collector.findings.memory import (
    FloorStep,
    MemoryFloor,
    PhaseSplit,
    PhaseWord,
    RunMemory,
)
from headstart.collector.findings.model import (
    Effect,
    InvalidTrial,
    RunResult,
    VariantOutcome,
)
from headstart.collector.findings.starts import Start
from headstart.words.verdicts import Basis, Decision, GateStatus, Verdict

# fmt: off
__all__ = [
    "RULE",
    "AdviceGrade", "BaseKnown", "Basis", "BreakEven", "BuildPart", "BuildStage", "Case", "CaseWord",
    "Category", "Companion", "CompanionTook", "Comparison", "CounterReading", "Decision",
    "DiagnosticExample", "DiagnosticGroup", "Effect", "Fact", "Figure", "FloorStep", "GateLimit",
    "GateOutcome", "GateStatus",
    "HostAdvice", "HostCheck", "Image", "ImageLayer", "Interval", "InvalidTrial",
    "JobBreakEven", "JobOvertaking", "MemoryFloor", "Overtaking", "PackageCheck", "PhaseSplit",
    "PhaseWord", "Ramp", "Recommendation", "Risk", "RunHost", "RunLoad", "RunMemory", "RunResult",
    "RuntimeCounters", "Series", "Shape", "Start", "VariantBuild", "VariantCases",
    "VariantDiagnostics",
    "VariantOutcome", "VariantWarmup", "Verdict", "Warmup", "WindowSeries", "Working",
    "as_far_as", "comparability", "json", "packed_samples", "points", "quantities", "report_schema",
    "run_info", "starts", "unlike_companions", "usable",
]
