"""Logs of real builds: what is found in them, where, about whom, and how grave it is."""

from collections import Counter
from pathlib import Path

import pytest

from headstart.agent.builds.diagnostics import Diagnostics
from headstart.agent.builds.known_diagnostics import FALLBACK_IMAGE, LINKER, NATIVE_IMAGE
from headstart.agent.builds.lines import parse_line
from headstart.agent.builds.projects import Projects
from headstart.v1.experiment_pb2 import (
    DIAGNOSTIC_CATEGORY_BLOCKING as BLOCKING,
    DIAGNOSTIC_CATEGORY_REVIEW as REVIEW,
    DIAGNOSTIC_CATEGORY_SUPPRESSIBLE as SUPPRESSIBLE,
    DiagnosticRule,
)
from headstart.v1.records_pb2 import Diagnostic

LOGS = Path(__file__).parent / "logs"
REFERRED = frozenset({"AutoMapper", "FluentValidation", "Microsoft.EntityFrameworkCore.Sqlite"})


def found_in(name: str, *rules: DiagnosticRule) -> list[Diagnostic]:
    diagnostics = Diagnostics(rules, Projects(referred=REFERRED))
    for line in (LOGS / f"{name}.log").read_text().splitlines():
        diagnostics.line(line)
    return diagnostics.found()


def only(found: list[Diagnostic], **fields: object) -> Diagnostic:
    (one,) = [d for d in found if all(getattr(d, k) == v for k, v in fields.items())]
    return one


def test_every_warning_of_a_native_aot_build_is_counted_by_package() -> None:
    found = found_in("squad-aot")
    by_package: Counter[str] = Counter()
    for each in found:
        by_package[each.package] += each.count

    assert by_package == {
        "Microsoft.EntityFrameworkCore": 13,
        "Microsoft.AspNetCore.Mvc": 5,
        "AutoMapper": 4,
        "": 2,
        "Microsoft.EntityFrameworkCore.Sqlite": 1,
        "Microsoft.Extensions.DependencyModel": 1,
    }


def test_analyzer_and_compiler_telling_of_one_line_are_one_finding() -> None:
    found = only(found_in("squad-aot"), code="IL3050", file="/src/Model.cs", line=68)

    assert found.count == 2
    assert found.member == "Squad.SquadSeed.CreateIfMissing(SquadContext)"
    assert found.text.startswith("Using member 'Microsoft.EntityFrameworkCore.Infrastructure.")


def test_the_same_in_one_member_is_one_finding_and_says_how_often() -> None:
    member = "Microsoft.EntityFrameworkCore.Infrastructure.SpatialiteLoader.FindExtension()"
    found = only(found_in("squad-aot"), code="IL3002", member=member)

    assert (found.count, found.file, found.line) == (3, "", 0)


def test_what_the_app_itself_does_with_a_package_is_about_that_package() -> None:
    found = only(found_in("squad-aot"), code="IL2026", file="/src/Program.cs")

    assert (found.assembly, found.package) == ("squad", "Microsoft.AspNetCore.Mvc")


def test_one_warning_an_assembly_names_assembly_and_package() -> None:
    found = found_in("single-warn")

    assert {(d.code, d.assembly, d.package) for d in found} == {
        ("IL2104", "Microsoft.AspNetCore.Mvc", "Microsoft.AspNetCore.Mvc"),
        ("IL3053", "Microsoft.AspNetCore.Mvc.ApiExplorer", "Microsoft.AspNetCore.Mvc"),
        ("IL2104", "Microsoft.AspNetCore.Mvc.Core", "Microsoft.AspNetCore.Mvc"),
        ("IL2104", "Microsoft.EntityFrameworkCore", "Microsoft.EntityFrameworkCore"),
        ("IL2104", "AutoMapper", "AutoMapper"),
        ("IL3053", "AutoMapper", "AutoMapper"),
    }
    assert {d.category for d in found} == {REVIEW}


def test_warnings_of_packages_are_no_matter_of_compilation() -> None:
    found = only(found_in("squad-aot"), code="NU1603")

    assert (found.category, found.package, found.count) == (SUPPRESSIBLE, "", 2)


@pytest.mark.parametrize(
    ("log", "code", "text"),
    [
        ("players-aot-no-linker", LINKER, "Requested linker ('clang') not found in PATH."),
        ("players-aot-no-package", "NU1100", "Unable to resolve 'Microsoft.Data.Sqlite"),
        ("squad-aot-warnings-as-errors", "IL3050", "Using member 'Microsoft.EntityFramework"),
    ],
)
def test_an_error_blocks_and_stands_first(log: str, code: str, text: str) -> None:
    first = found_in(log)[0]

    assert (first.code, first.severity, first.category) == (code, "error", BLOCKING)
    assert first.text.startswith(text)


def test_the_linkers_warnings_of_a_static_program_are_found() -> None:
    found = found_in("players-aot-static")

    assert [(d.code, d.category) for d in found] == [(LINKER, REVIEW)] * 6
    assert (found[1].file[-9:], found[1].line) == ("pal_uid.c", 208)
    # .NET's own native library, which no app wrote.
    assert {d.package for d in found[1:]} == {"Microsoft.NETCore.App"}


SHARED_LOGS = Path(__file__).parents[4] / "shared" / "images" / "logs"


@pytest.mark.skipif(not SHARED_LOGS.is_dir(), reason="the whole logs lie beside the project only")
@pytest.mark.parametrize("name", ["squad-aot", "probes-aot", "squad-aot-single-warn"])
def test_in_a_whole_log_no_foreign_finding_is_the_apps_and_each_place_is_told_once(
    name: str,
) -> None:
    diagnostics = Diagnostics((), Projects(referred=REFERRED))
    for line in (SHARED_LOGS / f"{name}.log").read_text().splitlines():
        diagnostics.line(line)
    found = diagnostics.found()
    places = Counter((d.code, d.file, d.line or d.member or d.text) for d in found)

    assert len(found) > 80
    assert {d.code for d in found if not d.package} == {"NU1603"}
    assert set(places.values()) == {1}


@pytest.mark.parametrize(
    "line",
    [
        "/usr/bin/ld: cannot find -lsqlite3: No such file or directory",
        "collect2: error: ld returned 1 exit status",
        "clang: error: linker command failed with exit code 1 (use -v to see invocation)",
        "/usr/bin/ld.bfd: app.o: in function `main': undefined reference to `sqlite3_open'",
        "x86_64-linux-gnu-gcc-12: error: unrecognized command-line option '-fuse-ld=lld'",
    ],
)
def test_a_linker_that_fails_is_an_error(line: str) -> None:
    finding = parse_line(line)

    assert finding is not None
    assert (finding.code, finding.severity) == (LINKER, "error")


@pytest.mark.parametrize(
    "line",
    [
        "  0 Warning(s)",
        "Build succeeded with 3 warning(s) in 2.1s",
        "npm WARN deprecated request@2.88.2: request has been deprecated",
        "Step 4/4 : RUN dotnet publish -p:TreatWarningsAsErrors=true",
        "Warning: apt-key is deprecated",
        "gcc: version 12.2.0",
        "ld: supported emulations: elf_x86_64",
        "",
    ],
)
def test_other_lines_are_no_diagnostics(line: str) -> None:
    assert parse_line(line) is None


def test_native_image_warns_of_reflection_and_blocks_where_it_fell_back_to_a_jvm() -> None:
    found = found_in("native-image")

    assert [(d.code, d.category) for d in found] == [
        (NATIVE_IMAGE, REVIEW),
        (NATIVE_IMAGE, REVIEW),
        (FALLBACK_IMAGE, BLOCKING),
        (FALLBACK_IMAGE, BLOCKING),
    ]
    assert [(d.package, d.file, d.line) for d in found[:2]] == [
        ("com.fasterxml.jackson", "TypeFactory.java", 387),
        ("picocli", "CommandLine.java", 15141),
    ]


def test_the_first_rule_that_fits_comes_before_the_catalogue() -> None:
    rules = [
        DiagnosticRule(match="automapper", category=BLOCKING),
        DiagnosticRule(match="IL2*", category=SUPPRESSIBLE),
        DiagnosticRule(match="Microsoft.EntityFrameworkCore*", category=BLOCKING),
    ]
    found = found_in("squad-aot", *rules)

    def categories(package: str, codes: str) -> set[tuple[int, bool]]:
        return {
            (d.category, d.ruled)
            for d in found
            if d.package == package and d.code.startswith(codes)
        }

    assert categories("AutoMapper", "IL") == {(BLOCKING, True)}
    assert categories("Microsoft.EntityFrameworkCore", "IL2") == {(SUPPRESSIBLE, True)}
    assert categories("Microsoft.EntityFrameworkCore", "IL3") == {(BLOCKING, True)}
    assert categories("Microsoft.Extensions.DependencyModel", "IL3") == {(REVIEW, False)}


def test_long_texts_are_cut_and_a_log_of_one_line_ends() -> None:
    diagnostics = Diagnostics()
    diagnostics.line("ILC : warning IL2026: A.B.C(): " + "x" * 100_000)
    diagnostics.line(": a " * 50_000 + "warning")

    assert [len(d.text) for d in diagnostics.found()] == [600]


@pytest.mark.parametrize(
    "line",
    [
        f"a.cs({'9' * 5000}): warning IL2026: text",
        "a.cs(99999999999): warning IL2026: text",
        f"a.cs:{'9' * 5000}: warning IL2026: text",
        "Warning: text invoked at a.B.c(B.java:99999999999)",
    ],
)
def test_a_number_that_no_line_can_have_breaks_nothing(line: str) -> None:
    found = Diagnostics()
    found.line("[1/8] Initializing...")
    found.line(line)

    assert [each.line for each in found.found()] == [0]
