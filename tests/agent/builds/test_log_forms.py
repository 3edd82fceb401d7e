"""Forms of build logs: which diagnostics they hold, whose they are, and what made a build fail."""

from collections import Counter
from pathlib import Path

import pytest

from headstart.agent.builds.diagnostics import Diagnostics
from headstart.agent.builds.known_diagnostics import (
    ALWAYS_THROWS,
    FALLBACK_IMAGE,
    LINKER,
    NATIVE_IMAGE,
)
from headstart.agent.builds.projects import Projects
from headstart.agent.builds.recorder import Recorder
from headstart.v1.experiment_pb2 import (
    DIAGNOSTIC_CATEGORY_REVIEW as REVIEW,
    DIAGNOSTIC_CATEGORY_SUPPRESSIBLE as SUPPRESSIBLE,
)
from headstart.v1.records_pb2 import (
    DIAGNOSTIC_RISK_FAILS_WHEN_REACHED as FAILS,
    DIAGNOSTIC_RISK_MAY_FAIL as MAY_FAIL,
    DIAGNOSTIC_RISK_MOSTLY_HARMLESS as HARMLESS,
    Diagnostic,
)

FORMS = Path(__file__).parent / "logs" / "forms"


def lines_of(name: str) -> list[str]:
    (path,) = FORMS.glob(f"{name}-*.log")
    return path.read_text().splitlines()


def diagnosed(lines: list[str], *referred: str) -> Diagnostics:
    diagnostics = Diagnostics((), Projects(referred=frozenset(referred)))
    for line in lines:
        diagnostics.line(line)
    return diagnostics


def found_in(name: str, *referred: str) -> list[Diagnostic]:
    return diagnosed(lines_of(name), *referred).found()


def test_times_and_nodes_of_a_detailed_log_are_no_part_of_a_place() -> None:
    found = found_in("01", "Dapper")

    assert [(d.code, d.file, d.line, d.package) for d in found] == [
        ("IL2026", "/src/Web/Startup.cs", 44, "Newtonsoft.Json"),
        ("IL3050", "", 0, "Dapper"),
        ("IL2104", "/root/.nuget/packages/dapper/2.1.35/lib/net7.0/Dapper.dll", 0, "Dapper"),
    ]


def test_a_place_that_a_detailed_log_tells_twice_is_one() -> None:
    line = "/src/A.cs(4,9): warning IL2026: Using member 'B.C.D()' which [/src/Web.csproj]"
    found = diagnosed([line, f"    12:01:07.114   1:2>{line}", f"     1>{line}"]).found()

    assert [(d.file, d.line, d.count) for d in found] == [("/src/A.cs", 4, 3)]


def test_illinks_members_with_spaces_keep_their_package() -> None:
    found = found_in("02", "Dapper")

    assert [d.package for d in found] == ["Dapper"] * 3
    assert found[1].member == "Dapper.SqlMapper.GetProps(Type, String)"
    assert found[1].text.startswith("'this' argument does not satisfy")


def test_a_method_that_will_always_throw_is_counted_and_fails_when_it_is_reached() -> None:
    (found,) = found_in("03")

    assert (found.code, found.category, found.risk) == (ALWAYS_THROWS, REVIEW, FAILS)
    assert (found.assembly, found.member) == ("web", "Program.<Main>$(string[])")
    assert found.text == "will always throw because: Failed to load assembly 'Acme.Reports'"


def test_the_apps_own_assembly_is_no_package() -> None:
    project = "/src/obj/Release/net10.0/linux-x64/web.dll : warning IL2104: Assembly 'web' produced"
    (found,) = diagnosed([f"{project} trim warnings. [/src/web.csproj]"]).found()

    assert (found.assembly, found.package) == ("web", "")


def test_the_terminal_loggers_lines_without_a_project_are_the_apps_and_the_packages_own() -> None:
    found = found_in("04", "Dapper")

    assert [(d.code, d.assembly, d.package) for d in found] == [
        ("IL3050", "", "Dapper"),
        ("IL2104", "web", ""),
        ("IL2026", "", "Dapper"),
    ]
    assert [d.severity for d in found] == ["error", "warning", "warning"]


@pytest.mark.parametrize("name", ["05", "06"])
def test_localised_warnings_are_about_the_package_whose_member_they_quote(name: str) -> None:
    found = [d for d in found_in(name) if d.file == "/src/Program.cs"]

    assert [(d.code[:2], d.package) for d in found] == [("IL", "Newtonsoft.Json")]


def test_errors_of_every_linker_are_known_as_the_linkers() -> None:
    found = found_in("08")
    errors = [d for d in found if d.severity == "error" and d.code == LINKER]

    assert [d.text for d in errors] == [
        "undefined symbol: SSL_new",
        "error: undefined symbol: SSL_read",
        "undefined reference to `deflate'",
        "ld returned 1 exit status",
        "linker command failed with exit code 1 (use -v to see invocation)",
        "error: unable to find library -lz",
        "fatal: library not found: z",
        "error: cannot find -lz",
        "cannot find crt1.o",
        "error: unrecognized command-line option",
        "fatal error: cannot execute 'cc1'",
    ]
    assert Counter(d.code for d in found) == {LINKER: 13, "MSB3073": 1}


def test_a_headline_of_native_image_is_told_with_what_stands_below() -> None:
    (found,) = found_in("10")

    assert (found.code, found.severity) == (NATIVE_IMAGE, "error")
    assert found.text.startswith(
        "Classes that should be initialized at run time got initialized during image building:"
        " io.acme.Pool was unintentionally initialized at build time."
    )


def test_a_crash_of_native_image_is_an_error_with_its_own_words() -> None:
    (found,) = found_in("11")

    assert found.severity == "error"
    assert found.text.startswith("com.oracle.svm.core.util.VMError$HostedError: Unable to run")


def test_warnings_before_native_image_begins_its_first_step_are_its_own() -> None:
    assert Counter(d.code for d in found_in("09")) == {NATIVE_IMAGE: 5, FALLBACK_IMAGE: 2}


def test_codes_of_one_letter_are_codes() -> None:
    found = found_in("13")

    assert [(d.code, d.severity) for d in found if d.code.startswith(("E", "TS"))] == [
        ("E0425", "error"),
        ("TS2322", "error"),
    ]
    assert any(d.code == LINKER and d.text.startswith("linking with `cc` failed") for d in found)


def test_generators_and_analyzers_that_failed_are_to_be_reviewed() -> None:
    category = {d.code: d.category for d in found_in("14")}

    assert {code: category[code] for code in ("CS8785", "CS9057", "AD0001")} == {
        "CS8785": REVIEW,
        "CS9057": REVIEW,
        "AD0001": REVIEW,
    }
    assert category["NETSDK1138"] == SUPPRESSIBLE


def test_a_mapped_path_of_the_app_is_the_analyzers_place() -> None:
    found = found_in("16")

    assert [(d.file, d.line, d.count, d.assembly) for d in found] == [
        ("/src/Dead.cs", 5, 1, "Web"),
        ("/src/Live.cs", 9, 2, "Web"),
    ]
    assert {d.package for d in found} == {"Newtonsoft.Json"}


def test_mapped_paths_of_packages_are_the_packages_and_the_apps_are_the_apps() -> None:
    found = found_in("17", "FluentValidation", "Swashbuckle.AspNetCore")

    assert [(d.assembly, d.package) for d in found] == [
        ("", "FluentValidation"),
        ("", "Swashbuckle.AspNetCore"),
        ("Web", "Newtonsoft.Json"),
    ]


def test_a_library_of_the_context_beside_the_project_is_the_apps_own() -> None:
    line = (
        "/_/src/Shop.Core/Cart.cs(4): Trim analysis warning IL2075: Shop.Core.Cart.Of(Type):"
        " 'this' argument does not satisfy it [/src/Web/Web.csproj]"
    )
    own = Diagnostics((), Projects(own=frozenset({"Shop.Core"})))
    own.line(line)

    assert [d.package for d in own.found()] == [""]
    assert [d.package for d in diagnosed([line]).found()] == ["Shop"]


@pytest.mark.parametrize(
    ("code", "risk"),
    [("IL3052", FAILS), ("IL3054", FAILS), ("IL2026", MAY_FAIL), ("IL2092", HARMLESS)],
)
def test_codes_are_ranked_by_what_becomes_of_the_code_that_is_reached(code: str, risk: int) -> None:
    (found,) = diagnosed([f"ILC : warning {code}: Shop.A.B(): text [/src/W.csproj]"]).found()

    assert found.risk == risk


def test_a_colour_that_begins_in_the_line_hides_nothing() -> None:
    line = "\x1b[33m/src/A.cs(4,9): \x1b[1mwarning\x1b[0m IL2026: text [/src/Web.csproj]\x1b[0m"
    (found,) = diagnosed([line]).found()

    assert (found.file, found.text) == ("/src/A.cs", "text")


def test_output_that_the_builder_clipped_is_noted() -> None:
    clipped = diagnosed(["[output clipped, log limit 2MiB reached]"])

    assert clipped.clipped
    assert not diagnosed(["output clipped"]).clipped


def test_a_build_fails_by_the_first_error_of_the_step_that_failed_first() -> None:
    recorder = Recorder()
    recorder.begin("assets", "RUN npm", 0.0)
    recorder.begin("publish", "RUN dotnet publish", 0.1)
    recorder.line(1.0, "/src/P.cs(3,4): error CS0246: no type 'Foo' [/src/W.csproj]", "publish")
    recorder.line(1.1, "MSBUILD : error MSB4181: the task failed [/src/W.csproj]", "publish")
    recorder.end("publish", 1.2, error="process did not complete: exit code: 3")
    recorder.end("assets", 1.3, error="process did not complete: context canceled")
    recorder.exit_status = 3

    assert recorder.failure() == (
        "step RUN dotnet publish failed with status 3: CS0246: no type 'Foo'"
    )
