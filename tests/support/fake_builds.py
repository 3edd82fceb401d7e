"""Records of builds, as an agent would have sent them of the .NET pair."""

from collections.abc import Iterator, Sequence

from headstart.v1.experiment_pb2 import (
    BUILDER_CLASSIC,
    DIAGNOSTIC_CATEGORY_BLOCKING,
    DIAGNOSTIC_CATEGORY_REVIEW,
    DIAGNOSTIC_CATEGORY_SUPPRESSIBLE,
)
from headstart.v1.records_pb2 import (
    BuildOutcome,
    BuildStep,
    Diagnostic,
    DiagnosticRisk,
    Failure,
    FailureCode,
    Record,
)

EF_CORE = "Microsoft.EntityFrameworkCore"


def diagnostic(
    package: str,
    code: str = "IL2026",
    *,
    line: int = 0,
    member: str = "",
    count: int = 1,
    severity: str = "warning",
    assembly: str = "",
    text: str = "Using member 'X' can break",
    ruled: bool = False,
    risk: DiagnosticRisk.ValueType = DiagnosticRisk.DIAGNOSTIC_RISK_MAY_FAIL,
) -> Diagnostic:
    """One place, with the category that the catalogue gives."""
    category = DIAGNOSTIC_CATEGORY_REVIEW
    if severity == "error":
        category = DIAGNOSTIC_CATEGORY_BLOCKING
    elif code.startswith("NU"):
        category = DIAGNOSTIC_CATEGORY_SUPPRESSIBLE
    return Diagnostic(
        code=code,
        severity=severity,
        text=text,
        risk=risk,
        file="/src/Model.cs" if line else "",
        line=line,
        member=member or ("" if line else f"{package}.Type.Method()"),
        assembly=assembly,
        package=package,
        category=category,
        count=count,
        ruled=ruled,
    )


DIAGNOSTICS = (
    diagnostic("", "NU1603", text="16.3.0 was not found", count=2),
    diagnostic(EF_CORE, "IL3050", line=68, member="Seed.Create()", count=2),
    diagnostic(EF_CORE, "IL2026", line=33),
    *(diagnostic(EF_CORE, "IL3050", member=f"{EF_CORE}.Query.T{n}.M()", count=3) for n in range(8)),
    diagnostic("AutoMapper", "IL2070", member="AutoMapper.Profile.Include(Type)"),
    diagnostic("FluentValidation", "IL2075"),
)


def build(
    variant: str,
    seconds: float = 5.0,
    *,
    repetition: int = 1,
    clean: bool = True,
    memory_bytes: int = 150_000_000,
    diagnostics: Sequence[Diagnostic] = (),
    native: bool = False,
) -> BuildOutcome:
    """A build of four steps; `native`: with ILC and a linker."""
    rest = seconds - 1.0
    parts = [("restore", 1.0, 0.5), ("compile", 1.5, 0.3 * rest)]
    if native:
        parts += [("ILC", 1.5 + 0.3 * rest, 0.5 * rest), ("link", 1.5 + 0.8 * rest, 0.1 * rest)]
    return BuildOutcome(
        variant=variant,
        clean=clean,
        repetition=repetition,
        builder=BUILDER_CLASSIC,
        duration_seconds=seconds,
        cpu_seconds=1.4 * seconds,
        memory_peak_bytes=memory_bytes * 2,
        anonymous_peak_bytes=memory_bytes,
        digest=f"sha256:{variant}{repetition}",
        log_bytes=2000,
        log=b"zstd",
        diagnostics=diagnostics,
        steps=[
            BuildStep(name="context", start_seconds=0.0, duration_seconds=0.05),
            BuildStep(name="FROM ${SDK} AS build", start_seconds=0.05, duration_seconds=0.01),
            BuildStep(
                name="RUN dotnet publish -c Release -o /out",
                start_seconds=0.06,
                duration_seconds=rest,
                parts=[BuildStep(name=n, start_seconds=s, duration_seconds=d) for n, s, d in parts],
            ),
            BuildStep(
                name="WORKDIR /app",
                start_seconds=seconds - 0.94,
                duration_seconds=0.1,
                cached=not clean,
            ),
        ],
    )


def failed_build(variant: str, *diagnostics: Diagnostic) -> BuildOutcome:
    """A build whose linker was missing."""
    outcome = build(variant, 11.0, diagnostics=diagnostics)
    outcome.digest = ""
    outcome.failure.CopyFrom(
        Failure(
            code=FailureCode.FAILURE_CODE_BUILD,
            message=f"{variant} does not build: step RUN make failed with status 1: no linker",
            exit_status=1,
            output_tail="Generating native code\nerror : Requested linker ('clang') not found",
        )
    )
    return outcome


def builds(native: str = "aot", other: str = "jit") -> Iterator[Record]:
    """Three clean builds and a cached one of each, the native one with its warnings."""
    for repetition in (1, 2, 3):
        yield Record(build_outcome=build(other, 5.0 + 0.1 * repetition, repetition=repetition))
        yield Record(
            build_outcome=build(
                native,
                24.0 + 0.3 * repetition,
                repetition=repetition,
                memory_bytes=870_000_000,
                diagnostics=DIAGNOSTICS,
                native=True,
            )
        )
    for variant in (other, native):
        yield Record(build_outcome=build(variant, 1.2, clean=False, memory_bytes=0))
