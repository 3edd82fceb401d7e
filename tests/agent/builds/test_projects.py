"""What project files say: packages, own names, and what keeps warnings out of a log."""

import os
from pathlib import Path

from headstart.agent.builds.projects import Projects, read_projects
from support.trees import write_tree


def test_packages_are_read_from_projects_and_central_versions(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "a/app.csproj": '<PackageReference Include="AutoMapper" Version="16" />',
            "b/lib.fsproj": "<PackageReference  Version='1' Include='FSharp.Data'/>",
            "Directory.Packages.props": '<PackageVersion Include="Dapper" Version="2" />',
            "notes.md": '<PackageReference Include="Not.This" />',
        },
    )

    assert read_projects(tmp_path).referred == {"AutoMapper", "FSharp.Data", "Dapper"}
    assert read_projects(tmp_path / "missing") == Projects()


def test_a_project_file_that_is_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "App.csproj")

    assert read_projects(tmp_path).referred == frozenset()


def test_a_project_of_beginnings_alone_is_read_in_a_moment(tmp_path: Path) -> None:
    """It takes minutes where each of them is searched to the end of the file."""
    text = "<PackageReference Include=" * 40_000 + "<PackageReference Include='A.B' />"
    (tmp_path / "a.csproj").write_text(text[-(1 << 20) :])

    assert read_projects(tmp_path).referred == {"A.B"}


def test_own_names_are_those_of_projects_assemblies_and_namespaces(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "web/players-api.csproj": "<RootNamespace>Players</RootNamespace>",
            "lib/Acme.Core.csproj": "<AssemblyName> acme-core </AssemblyName>",
            "Directory.Build.props": "<Nullable>enable</Nullable>",
        },
    )

    assert read_projects(tmp_path).own == {"players-api", "Players", "Acme.Core", "acme-core"}


def test_what_silences_warnings_of_trimming_and_aot_is_named_with_its_file(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "web/web.csproj": "<NoWarn>$(NoWarn);CS1591;IL2026,IL3050</NoWarn>"
            "<EnableAotAnalyzer>False</EnableAotAnalyzer>",
            "lib/lib.csproj": "<NoWarn>CS1591</NoWarn>"
            "<EnableTrimAnalyzer>true</EnableTrimAnalyzer>",
            "all.props": "<SuppressTrimAnalysisWarnings>true</SuppressTrimAnalysisWarnings>",
        },
    )

    assert read_projects(tmp_path).silenced == (
        "all.props: SuppressTrimAnalysisWarnings is true",
        "web/web.csproj: NoWarn IL2026, IL3050",
        "web/web.csproj: EnableAotAnalyzer is false",
    )
