"""Whose code it is: by NuGet's folder, by namespace, by what the project refers to."""

import pytest

from headstart.agent.builds.packages import of_member, of_path

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
