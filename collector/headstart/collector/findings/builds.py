"""What analysis finds of a run's builds, as plain data; part of `results.RunResult`."""

from dataclasses import dataclass, field
from enum import StrEnum

# The reason of a group that the experiment file sorted out itself.
RULE = "a rule of the experiment"


class Category(StrEnum):
    """What is to be done about a diagnostic; the gravest first."""

    BLOCKING = "blocking"
    REVIEW = "review"
    SUPPRESSIBLE = "suppressible"


@dataclass(frozen=True)
class BuildPart:
    """What a step's output tells apart, such as "restore", "compile", "ILC", "link"."""

    name: str
    start_seconds: float
    duration_seconds: float


@dataclass(frozen=True)
class BuildStage:
    """One step of a build; seconds from its beginning."""

    name: str
    start_seconds: float
    duration_seconds: float
    cached: bool
    parts: tuple[BuildPart, ...] = ()


@dataclass(frozen=True)
class VariantBuild:
    """One build of one variant."""

    variant: str
    clean: bool
    # From 1, clean and cached builds each.
    repetition: int
    # "classic" or "buildkit".
    builder: str
    seconds: float
    stages: tuple[BuildStage, ...]
    # None: not measured. With the page cache, and anonymous memory alone.
    memory_peak_bytes: int | None = None
    anonymous_peak_bytes: int | None = None
    # CPU time of the steps; None: not measured.
    cpu_seconds: float | None = None
    # Empty: it made an image.
    failure_message: str = ""
    output_tail: str = ""
    # Of the log as it was written, and whether all of it was kept.
    log_bytes: int = 0
    log_cut: bool = False
    # SHA-256 of the tar of its context, as `submit` packs it; empty: not known.
    context_sha256: str = ""
    # The repository and the commit that its context was fetched from; empty: from none.
    git_url: str = ""
    git_commit: str = ""


class Risk(StrEnum):
    """What becomes of the code that a diagnostic warns of, when it is reached; the worst first."""

    FAILS = "fails when reached"
    MAY_FAIL = "may fail"
    HARMLESS = "mostly harmless"


@dataclass(frozen=True)
class DiagnosticExample:
    """One place."""

    code: str
    severity: str
    text: str
    # "Model.cs:68", or the member where no line is known.
    place: str
    # How often it was said of this place.
    count: int


@dataclass(frozen=True)
class DiagnosticGroup:
    """A variant's diagnostics about one package that are to be treated alike."""

    variant: str
    # Empty: the app itself, or not known.
    package: str
    category: Category
    places: int
    # How often something was said of these places.
    findings: int
    # Code -> places.
    codes: dict[str, int] = field(default_factory=dict)
    examples: tuple[DiagnosticExample, ...] = ()
    # Why it is not the catalogue's category, such as "GET /probe/automapper fails"; may be empty.
    reason: str = ""
    # Risk by the code alone -> places; empty: an older agent did not say.
    risks: dict[Risk, int] = field(default_factory=dict)
    # Places that each stand for an unknown number, such as all warnings of an assembly.
    aggregates: int = 0


@dataclass(frozen=True)
class VariantDiagnostics:
    """All diagnostics of the build that made a variant's image, or failed to."""

    variant: str
    # Blocking ones first, then the most places.
    groups: tuple[DiagnosticGroup, ...]
    # Places that the record of the build had no room for.
    dropped: int = 0
    # The builder kept back a part of the output: there may have been more.
    at_least: bool = False
    # What keeps warnings out of the log, by project file, such as "Web.csproj: NoWarn IL2026".
    silenced: tuple[str, ...] = ()

    def places(self, category: Category) -> int:
        """How many places are in this category."""
        return sum(group.places for group in self.groups if group.category is category)

    @property
    def findings(self) -> int:
        """How often anything was said."""
        return sum(group.findings for group in self.groups)


class Working(StrEnum):
    """What the checks that cover a package found of a variant."""

    WORKS = "works"
    BROKEN = "broken"
    # None of them was heard: the variant did not start, or died before.
    UNCHECKED = "not checked"


@dataclass(frozen=True)
class PackageCheck:
    """One package, as a check names what it covers, in one variant."""

    package: str
    variant: str
    working: Working
    # Those that failed; of a package that works, all that cover it.
    checks: tuple[str, ...]
    # How many places of it the variant's build warned of; None: it was not built here.
    places: int | None
