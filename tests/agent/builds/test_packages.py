"""Whose code it is: by NuGet's folder, by namespace, by what the project refers to."""

import os
from pathlib import Path

import pytest

from headstart.agent.builds.packages import of_member, of_path, referred_packages
from support.trees import write_tree

PACK = "/nuget/microsoft.aspnetcore.app.runtime.linux-x64/10.0.12/runtimes/linux-x64/lib/net10.0"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/nuget/automapper/16.3.0/lib/net10.0/AutoMapper.dll", ("AutoMapper", "AutoMapper")),
        (
            "/root/.nuget/packages/newtonsoft.json/13.0.3/lib/net6.0/Newtonsoft.Json.dll",
            ("Newtonsoft.Json", "Newtonsoft.Json"),
        ),
        (
            "/nuget/castle.core/5.1.1/lib/net6.0/Castle.Core.AsyncInterceptor.dll",
            ("Castle.Core.AsyncInterceptor", "Castle.Core"),
        ),
        (
            f"{PACK}/Microsoft.AspNetCore.Mvc.Core.dll",
            ("Microsoft.AspNetCore.Mvc.Core", "Microsoft.AspNetCore.Mvc"),
        ),
        (f"{PACK}/System.Text.Json.dll", ("System.Text.Json", "Microsoft.NETCore.App")),
        ("/nuget/acme.tool/1.0.0/build/acme.targets", ("", "acme.tool")),
        ("/src/Model.cs", ("", "")),
        ("ILC", ("", "")),
    ],
)
def test_a_path_in_nugets_folder_names_assembly_and_package(
    path: str, expected: tuple[str, str]
) -> None:
    assert of_path(path) == expected


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("AutoMapper.TypeMap.Seal(IGlobalConfiguration)", "AutoMapper"),
        ("Microsoft.EntityFrameworkCore.Query.X.Y()", "Microsoft.EntityFrameworkCore"),
        ("Microsoft.EntityFrameworkCore.Sqlite.X.Y()", "Microsoft.EntityFrameworkCore.Sqlite"),
        (
            "Microsoft.Extensions.DependencyInjection.EntityFrameworkServiceCollectionExtensions.A()",
            "Microsoft.EntityFrameworkCore",
        ),
        ("System.SharedTypeExtensions.MakeNullable(Type)", "Microsoft.EntityFrameworkCore"),
        ("System.Linq.Expressions.Expression.Property(Expression)", "Microsoft.NETCore.App"),
        ("Microsoft.Data.Sqlite.SqliteConnection.Open()", "Microsoft.Data.Sqlite"),
        ("AutoMapper.Collection.X.Y()", "AutoMapper.Collection"),
        ("com.fasterxml.jackson.databind.Mapper.read", "com.fasterxml.jackson"),
        ("Acme`1.<>c.Run()", "Acme"),
    ],
)
def test_a_members_namespace_tells_its_package(member: str, expected: str) -> None:
    assert of_member(member, {"AutoMapper", "AutoMapper.Collection"}) == expected


def test_a_name_that_only_begins_alike_is_another_package() -> None:
    assert of_member("AutoMapperX.Y.Z()", {"AutoMapper"}) == "AutoMapperX"


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

    assert referred_packages(tmp_path) == {"AutoMapper", "FSharp.Data", "Dapper"}
    assert referred_packages(tmp_path / "missing") == set()


def test_a_project_file_that_is_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "App.csproj")

    assert referred_packages(tmp_path) == set()


def test_a_project_of_beginnings_alone_is_read_in_a_moment(tmp_path: Path) -> None:
    """It takes minutes where each of them is searched to the end of the file."""
    text = "<PackageReference Include=" * 40_000 + "<PackageReference Include='A.B' />"
    (tmp_path / "a.csproj").write_text(text[-(1 << 20) :])

    assert referred_packages(tmp_path) == {"A.B"}
