"""What a table lists is known everywhere by its one line: shown by entries that are made up."""

import os
import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, BinaryIO, cast

from google.protobuf import descriptor_pb2, descriptor_pool

from headstart.collector.findings import PhaseWord
from headstart.words import counters, drivers, runtimes
from support.fresh import in_a_fresh_process

FILE: dict[str, Any] = {
    "experiment": "players",
    "baseline": "jit",
    "variants": {"jit": {"image": "players:jit"}, "aot": {"image": "players:aot"}},
    "service": {"port": 9000, "ready": "GET /health"},
}


def module(name: str, **names: object) -> None:
    """A file of that name, with these names in it."""
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    vars(made).update(names)
    sys.modules[name] = made


def mistakes(**keys: object) -> str:
    """What is wrong with an experiment file; empty: nothing."""
    import yaml

    from headstart.collector.experiments.file import ExperimentProblems, load_experiment

    try:
        load_experiment(yaml.safe_dump(FILE | keys), "/home/me")
    except ExperimentProblems as error:
        return str(error)
    return ""


def a_driver() -> None:
    from headstart.agent.load.table import available, choose
    from headstart.collector.experiments.json_schema import schema_text
    from support.load_tasks import load_of

    assert mistakes(load={"request": "GET /", "driver": "siege"}) == ""
    assert "siege applies no rate" in mistakes(
        load={"request": "GET /", "driver": "siege", "rate": "10/s"}
    )
    assert '"siege"' in schema_text()
    assert ("siege", "4.1") in available()
    chosen = choose(load_of(driver="siege", rate_per_second=10))
    assert "siege cannot apply this load: it applies no rate" in str(chosen)


def a_made_up_driver() -> None:
    class Siege:
        name = "siege"

        def version(self) -> str:
            return "4.1"

        def refuses(self, _load: object) -> None:
            return None

    drivers.DRIVERS["siege"] = drivers.Driver("siege", "siege", rate=False)
    module("headstart.agent.load.siege", DRIVER=Siege())
    a_driver()


def test_a_load_driver_is_a_file_and_a_line() -> None:
    in_a_fresh_process(a_made_up_driver)


def a_made_up_counter() -> None:
    contentions = counters.Counter("lock_contentions", "Lock contentions")
    counters.COUNTERS.append(contentions)

    from headstart.agent.counters import dotnet

    # One that is in what a runtime sent.
    dotnet._INSTRUMENTS["dotnet.monitor.lock_contentions"] = contentions
    recorded = Path(__file__).parent / "agent/counters/recorded/meters.nettrace"
    told = dotnet.meter_values(recorded.read_bytes())

    assert "lock_contentions" in told

    from headstart.collector.findings.counters import CounterReading, RuntimeCounters
    from headstart.collector.report.views.counters_view import counter_table
    from support.fake_runs import small

    reading = CounterReading(PhaseWord.STARTUP, {"lock_contentions": 7.0})
    result = replace(
        small(blocks=2).result(), runtime_counters=(RuntimeCounters("jit", ".NET", (reading,)),)
    )
    table = counter_table(result)

    assert table.columns == ("Lock contentions",)
    assert [row.values for row in table.rows] == [("7",)]


def test_a_runtime_counter_is_a_line_and_what_it_is_read_from() -> None:
    in_a_fresh_process(a_made_up_counter)


def a_made_up_runtime() -> None:
    os.environ["DOCKER_HOST"] = "unix:///no/engine"

    from headstart.agent.cancellation import Cancellation
    from headstart.agent.policy.policy import Policy
    from headstart.agent.runtimes.obstacles import Obstacle
    from headstart.agent.runtimes.table import open_runtimes
    from headstart.agent.trial.needs import Host, obstacles
    from headstart.v1.experiment_pb2 import Experiment, Variant
    from headstart.v1.records_pb2 import FailureCode, ResolvedVariant

    class Microvm:
        name = "microvm"
        builder = None
        puller = None
        checker = None

        def engine(self) -> None:
            return None

        def resolve(self, variant: Variant, _folder: str) -> ResolvedVariant:
            return ResolvedVariant(variant=variant.name, digest="sha256:1")

        def obstacles(self, _experiment: Experiment) -> list[Obstacle]:
            path = ("plan", "memory")
            return [Obstacle(path, "a microvm has 128 MiB", FailureCode.FAILURE_CODE_ENGINE)]

    runtimes.RUNTIMES["microvm"] = runtimes.Runtime("microvm", runs=("image",))
    module("headstart.agent.runtimes.microvm_runtime", CONNECT=lambda *_given: Microvm())
    with TemporaryDirectory() as state:
        table = open_runtimes(Path(state), Policy.default(), Cancellation())
    variants = [Variant(name="image", image="players:jit"), Variant(name="build")]
    variants[1].build.context = "."
    host = Host(Experiment(variants=variants), table, True, lambda _network: None)
    found = {obstacle.path: obstacle.message for obstacle in obstacles(host)}

    assert table.for_variant(variants[0]).name == "microvm"
    assert found[("plan", "memory")] == "a microvm has 128 MiB"
    # It builds nothing, and what does is not there.
    assert ("variants", "image", "image") not in found
    assert found[("variants", "build", "build")] == table.missing["docker"]


def test_a_runtime_is_its_files_and_a_line() -> None:
    in_a_fresh_process(a_made_up_runtime)


def with_value(enum: str, name: str, suffix: str) -> None:
    """The protocol as it is with a value more in one of its enums."""
    pool = descriptor_pool.Default()

    class Pool:
        """Takes the generated files as they come; that one with a line more."""

        def AddSerializedFile(self, serialized: bytes) -> object:
            file = descriptor_pb2.FileDescriptorProto.FromString(serialized)
            for each in file.enum_type:
                if each.name == enum:
                    added = each.value.add(name=name, number=99)
                    # The extension is not known before this file is.
                    added.options.MergeFromString(option(suffix))
            return pool.AddSerializedFile(file.SerializeToString())

        def __getattr__(self, name: str) -> Any:
            return getattr(pool, name)

    descriptor_pool.Default = Pool  # type: ignore[assignment]  # as far as it is asked


def option(suffix: str) -> bytes:
    """`file_suffix`, field 50001, as it is on the wire."""
    options = descriptor_pb2.EnumValueOptions()
    options.MergeFromString(b"\x8a\xb5\x18" + bytes([len(suffix)]) + suffix.encode())
    return options.SerializeToString()


def help_of(command: str) -> str:
    from click.testing import CliRunner

    from headstart.cli.main import cli

    return CliRunner().invoke(cli, [command, "--help"]).output


def a_made_up_report_format() -> None:
    with_value("ReportFormat", "REPORT_FORMAT_PLAIN_TEXT", ".txt")
    module(
        "headstart.collector.report.formats.plain_text",
        RENDER=lambda result: f"this was {result.experiment}",
    )

    from headstart.collector.report.render import render
    from headstart.v1.experiments_pb2 import ReportFormat
    from support.fake_runs import small

    plain_text = cast(ReportFormat.ValueType, 99)
    assert render(small(blocks=2).result(), plain_text) == b"this was players-api"
    assert "plain-text" in help_of("report")
    assert ".txt" in help_of("report")


def test_a_report_format_is_a_file_and_a_line() -> None:
    in_a_fresh_process(a_made_up_report_format)


def a_made_up_export_format() -> None:
    with_value("ExportFormat", "EXPORT_FORMAT_LINES", ".txt")

    class Lines:
        """Writes how many rows there were, a number a line."""

        def __init__(self, file: BinaryIO, _table: object) -> None:
            self.file, self.rows = file, 0

        def add(self, rows: Any) -> None:
            self.rows += rows.count

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_error: object) -> None:
            self.file.write(b"%d rows\n" % self.rows)

    module("headstart.collector.export.formats.lines", WRITER=Lines)

    from headstart.cli.formats import suffix
    from headstart.collector.export.write import write
    from headstart.collector.store import sqlite
    from headstart.v1.experiments_pb2 import ExportFormat, ExportTable
    from support.fake_runs import small
    from support.recorded import recorded

    fake = small(blocks=2)
    ended = sum(record.HasField("trial_outcome") for record in fake.records())
    with TemporaryDirectory() as folder:
        (run_id,) = recorded(Path(folder), fake.experiment(), fake.records())
        (path,) = Path(folder).rglob("headstart.sqlite")
        file = Path(folder, "out")
        with file.open("w+b") as opened:
            trials = ExportTable.EXPORT_TABLE_TRIALS
            lines = cast(ExportFormat.ValueType, 99)
            write(sqlite.reader_engine(path), run_id, trials, opened, lines)

        assert file.read_text() == f"{ended} rows\n"
    assert "parquet|lines" in help_of("export")
    assert suffix(ExportFormat, lines) == ".txt"


def test_an_export_format_is_a_file_and_a_line() -> None:
    in_a_fresh_process(a_made_up_export_format)
