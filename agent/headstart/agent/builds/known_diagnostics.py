"""What is known of build diagnostics, as data: their codes, and whose code a name belongs to.

Codes: learn.microsoft.com, "Native AOT warnings" and "Trim warnings" of .NET; for
native-image, graalvm.org, "Native Image Build Output". A category here is where
judgement begins: rules of the experiment and the outcome of its checks come first.
"""

from dataclasses import dataclass

from headstart.v1.experiment_pb2 import (
    DIAGNOSTIC_CATEGORY_BLOCKING,
    DIAGNOSTIC_CATEGORY_REVIEW,
    DIAGNOSTIC_CATEGORY_SUPPRESSIBLE,
    DiagnosticCategory,
)
from headstart.v1.records_pb2 import (
    DIAGNOSTIC_RISK_FAILS_WHEN_REACHED,
    DIAGNOSTIC_RISK_MAY_FAIL,
    DIAGNOSTIC_RISK_MOSTLY_HARMLESS,
    DiagnosticRisk,
)

_BLOCKING = DIAGNOSTIC_CATEGORY_BLOCKING
_REVIEW = DIAGNOSTIC_CATEGORY_REVIEW
_SUPPRESSIBLE = DIAGNOSTIC_CATEGORY_SUPPRESSIBLE

_FAILS = DIAGNOSTIC_RISK_FAILS_WHEN_REACHED
_HARMLESS = DIAGNOSTIC_RISK_MOSTLY_HARMLESS

# Where a tool gives its messages no code.
ALWAYS_THROWS = "always-throws"
LINKER = "linker"
MSBUILD = "msbuild"
NATIVE_IMAGE = "native-image"
FALLBACK_IMAGE = "native-image-fallback"


@dataclass(frozen=True)
class Code:
    """A pattern of codes, and the category of its warnings; errors always block."""

    pattern: str
    category: DiagnosticCategory.ValueType
    meaning: str
    # What becomes of code that is warned of, when it is reached.
    risk: DiagnosticRisk.ValueType = DIAGNOSTIC_RISK_MAY_FAIL


# The first that fits decides.
CODES: tuple[Code, ...] = (
    Code("IL2104", _REVIEW, "an assembly with trim warnings, which are not told one by one"),
    Code("IL3053", _REVIEW, "an assembly with AOT warnings, which are not told one by one"),
    Code("IL2121", _SUPPRESSIBLE, "a suppression that suppresses nothing", _HARMLESS),
    # Attributes of an override or interface that say otherwise than the base: a matter of what
    # is promised, no reflection by itself.
    Code("IL2046", _REVIEW, "an override promises otherwise than its base", _HARMLESS),
    Code("IL209[2-5]", _REVIEW, "an override promises otherwise than its base", _HARMLESS),
    Code("IL3003", _REVIEW, "an override promises otherwise than its base", _HARMLESS),
    Code("IL3051", _REVIEW, "an override promises otherwise than its base", _HARMLESS),
    Code("IL3001", _REVIEW, "throws: an assembly has no files beside the program", _FAILS),
    Code("IL3052", _REVIEW, "throws: COM interop is not supported", _FAILS),
    Code("IL3054", _REVIEW, "throws: generic code that expands without end was left out", _FAILS),
    Code(ALWAYS_THROWS, _REVIEW, "throws: the compiler could not make the method's code", _FAILS),
    Code("IL300*", _REVIEW, "needs files beside the program: Assembly.Location and its like"),
    Code("IL305*", _REVIEW, "needs code that does not exist until it runs"),
    Code("IL2*", _REVIEW, "reaches by reflection what trimming may have removed"),
    Code("IL*", _REVIEW, "another finding of trimmer or AOT compiler"),
    Code("RDG*", _REVIEW, "a route for which no delegate could be generated"),
    Code("SYSLIB1*", _REVIEW, "a source generator that could not generate"),
    Code("NETSDK1057", _SUPPRESSIBLE, "a preview of the SDK"),
    Code("NETSDK1138", _SUPPRESSIBLE, "a framework that is no longer supported"),
    Code("NETSDK*", _REVIEW, "the SDK on how it is used"),
    Code("MSB*", _REVIEW, "MSBuild on how it is used"),
    Code(LINKER, _REVIEW, "the native linker"),
    Code(FALLBACK_IMAGE, _BLOCKING, "the image needs a JVM: nothing was compiled ahead of time"),
    Code(NATIVE_IMAGE, _REVIEW, "GraalVM native-image"),
    # Compiled without what these would have generated or found.
    Code("CS8784", _REVIEW, "a source generator that failed to begin"),
    Code("CS8785", _REVIEW, "a source generator that failed"),
    Code("CS8032", _REVIEW, "an analyzer that could not be made"),
    Code("CS9057", _REVIEW, "an analyzer or generator that is newer than the compiler"),
    Code("AD0001", _REVIEW, "an analyzer that failed"),
    # Packages, the language, analyzers: nothing that the way of compiling decides.
    Code("*", _SUPPRESSIBLE, "not about the way of compiling"),
)

ASPNETCORE = "Microsoft.AspNetCore.App"
FRAMEWORK = "Microsoft.NETCore.App"
MVC = "Microsoft.AspNetCore.Mvc"
EF_CORE = "Microsoft.EntityFrameworkCore"

# Beginning of a member's or an assembly's full name -> package; the longest that fits
# decides. A beginning without '.' at its end may also stop in the middle of a word.
PACKAGES: dict[str, str] = {
    "Microsoft.AspNetCore.": ASPNETCORE,
    "Microsoft.AspNetCore.Mvc.": MVC,
    "Microsoft.AspNetCore.OData.": "Microsoft.AspNetCore.OData",
    "Microsoft.AspNetCore.OpenApi.": "Microsoft.AspNetCore.OpenApi",
    "Microsoft.EntityFrameworkCore.": EF_CORE,
    "Microsoft.EntityFrameworkCore.Sqlite.": "Microsoft.EntityFrameworkCore.Sqlite",
    "Microsoft.EntityFrameworkCore.SqlServer.": "Microsoft.EntityFrameworkCore.SqlServer",
    "Npgsql.EntityFrameworkCore.PostgreSQL.": "Npgsql.EntityFrameworkCore.PostgreSQL",
    # Extension methods stand in the namespace of what they extend.
    "Microsoft.Extensions.DependencyInjection.Mvc": MVC,
    "Microsoft.Extensions.DependencyInjection.EntityFramework": EF_CORE,
    # Source that a package compiles into itself under a foreign namespace.
    "Microsoft.Extensions.Internal.": ASPNETCORE,
    "System.SharedTypeExtensions.": EF_CORE,
    "System.Reflection.EntityFramework": EF_CORE,
    "System.Reflection.MethodInfoExtensions.": EF_CORE,
    "System.": FRAMEWORK,
    "Internal.": FRAMEWORK,
    "Microsoft.CSharp.": FRAMEWORK,
    "Microsoft.VisualBasic.": FRAMEWORK,
    "Microsoft.Win32.": FRAMEWORK,
    "Castle.": "Castle.Core",
    "Google.Protobuf.": "Google.Protobuf",
    "Newtonsoft.Json.": "Newtonsoft.Json",
    "Swashbuckle.": "Swashbuckle.AspNetCore",
}

# Packages that hold the framework's own assemblies: their name says nothing.
RUNTIME_PACKS = ("microsoft.aspnetcore.app.runtime", "microsoft.netcore.app.runtime")
