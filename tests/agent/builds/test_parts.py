"""The parts of a .NET publish or a native-image build, from the lines they write."""

from headstart.agent.builds.parts import Part, Parts

RESTORE = "  Determining projects to restore..."
RESTORED = "  Restored /src/app.csproj (in 206 ms)."
COMPILED = "  app -> /src/bin/Release/net10.0/linux-x64/app.dll"
NATIVE = "  Generating native code"
PUBLISHED = "  app -> /out/"


def parts_of(*lines: tuple[float, str | set[str]], began: float = 0.0) -> Parts:
    parts = Parts(began)
    for at, line in lines:
        if isinstance(line, str):
            parts.line(at, line)
        else:
            parts.processes(at, line)
    return parts


def test_a_native_aot_publish_is_restore_compile_ilc_and_link() -> None:
    parts = parts_of(
        (1.0, RESTORE),
        (1.5, RESTORED),
        (4.0, COMPILED),
        (4.5, NATIVE),
        (4.6, {"dotnet", "sh"}),
        (4.8, {"dotnet", "ilc"}),
        (17.9, {"dotnet", "ilc"}),
        (18.0, {"dotnet", "gcc", "ld.bfd"}),
        (20.0, {"dotnet", "objcopy"}),
        (20.5, PUBLISHED),
        (20.6, {"ilc"}),
    )

    assert parts.until(21.0) == [
        Part("restore", 1.0, 1.5),
        Part("compile", 1.5, 4.0),
        Part("ILC", 4.5, 18.0),
        Part("link", 18.0, 20.5),
    ]


def test_where_processes_are_not_seen_ilc_and_link_are_one() -> None:
    parts = parts_of((1.0, RESTORE), (1.5, RESTORED), (4.0, COMPILED), (4.5, NATIVE))

    assert parts.until(9.0)[2:] == [Part("ILC and link", 4.5, 9.0)]


def test_a_jit_publish_has_no_native_part() -> None:
    parts = parts_of((1.0, RESTORE), (1.5, RESTORED), (4.0, COMPILED), (4.25, PUBLISHED))

    assert [part.name for part in parts.until(5.0)] == ["restore", "compile", "publish"]


def test_a_restore_of_its_own_is_not_followed_by_a_compile() -> None:
    alone = parts_of((1.0, RESTORE), (3.0, RESTORED), (3.5, RESTORED))
    after = parts_of((9.0, COMPILED), (9.5, PUBLISHED), began=5.0)

    assert alone.until(4.0) == [Part("restore", 1.0, 3.5)]
    assert after.until(10.0) == [Part("compile", 5.0, 9.0), Part("publish", 9.0, 9.5)]


def test_of_several_projects_the_last_one_ends_the_compile() -> None:
    parts = parts_of(
        (1.0, COMPILED.replace("app", "lib")), (2.0, COMPILED), (3.0, NATIVE), (3.5, COMPILED)
    )

    assert parts.until(4.0)[0] == Part("compile", 0.0, 2.0)


def test_native_image_tells_its_stages_and_their_times() -> None:
    parts = parts_of(
        (3.0, "[1/8] Initializing...                                    (2.8s @ 0.15GB)"),
        (3.0, " Java version: 21+35"),
        (7.5, "[2/8] Performing analysis...  [****]                     (4.5s @ 0.54GB)"),
    )

    assert [(p.name, round(p.began, 3), p.ended) for p in parts.until(8.0)] == [
        ("initializing", 0.2, 3.0),
        ("performing analysis", 3.0, 7.5),
    ]


def test_other_output_has_no_parts() -> None:
    parts = parts_of((1.0, "make: Entering directory '/src'"), (2.0, "cc -> nothing"))

    assert parts.until(3.0) == []


def test_a_stage_that_took_no_number_of_seconds_is_none() -> None:
    parts = Parts(0.0)
    parts.line(1.0, "[1/8] Initializing... (1.2.3s @ 0.1GB)")
    parts.line(2.0, f"[2/8] Analysis... ({'9' * 400}s @ 0.1GB)")

    assert parts.until(3.0) == []
