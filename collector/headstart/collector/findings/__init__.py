"""What analysis finds, as plain data: no arrays, so that reading it needs no statistics.

It is what all others read of a result.
"""

from headstart.collector.findings.builds import (
    BuildPart,
    BuildStage,
    Category,
    DiagnosticExample,
    DiagnosticGroup,
    PackageCheck,
    VariantBuild,
    VariantDiagnostics,
    Working,
)
from headstart.collector.findings.counters import CounterReading, RuntimeCounters
from headstart.collector.findings.figures import (
    Basis,
    Comparison,
    Figure,
    Interval,
    Metric,
    Verdict,
)
from headstart.collector.findings.gates import (
    Decision,
    GateLimit,
    GateOutcome,
    GateStatus,
    Recommendation,
)
from headstart.collector.findings.host_found import AdviceGrade, Fact, HostAdvice, HostCheck
from headstart.collector.findings.images import Image, ImageLayer
from headstart.collector.findings.jobs import JobBreakEven, JobOvertaking
from headstart.collector.findings.load import (
    BreakEven,
    Overtaking,
    Ramp,
    Series,
    VariantWarmup,
    Warmup,
    WindowSeries,
)
from headstart.collector.findings.memory import FloorStep, MemoryFloor, PhaseSplit
from headstart.collector.findings.model import (
    CHECKS_FAIL,
    INCOMPLETE,
    MEASURED,
    InvalidTrial,
    RunResult,
    VariantOutcome,
)

# fmt: off
__all__ = [
    "CHECKS_FAIL",
    "INCOMPLETE",
    "MEASURED",
    "AdviceGrade",
    "Basis",
    "BreakEven",
    "BuildPart",
    "BuildStage",
    "Category",
    "Comparison",
    "CounterReading",
    "Decision",
    "DiagnosticExample",
    "DiagnosticGroup",
    "Fact",
    "Figure",
    "FloorStep",
    "GateLimit",
    "GateOutcome",
    "GateStatus",
    "HostAdvice",
    "HostCheck",
    "Image",
    "ImageLayer",
    "Interval",
    "InvalidTrial",
    "JobBreakEven",
    "JobOvertaking",
    "MemoryFloor",
    "Metric",
    "Overtaking",
    "PackageCheck",
    "PhaseSplit",
    "Ramp",
    "Recommendation",
    "RunResult",
    "RuntimeCounters",
    "Series",
    "VariantBuild",
    "VariantDiagnostics",
    "VariantOutcome",
    "VariantWarmup",
    "Verdict",
    "Warmup",
    "WindowSeries",
    "Working",
    "catalogue",
    "comparability",
    "json",
    "points",
    "quantities",
    "run_info",
    "usable",
]
