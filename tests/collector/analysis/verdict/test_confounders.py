from headstart.collector.analysis.trials.trial_records import RunRecords, gather
from headstart.collector.analysis.verdict.confounders import confounders
from headstart.v1.records_pb2 import ResolvedVariant
from support.fake_runs import AOT, JIT, small


def gathered() -> RunRecords:
    return gather(small(blocks=2).records())


def variant(run: RunRecords, name: str) -> ResolvedVariant:
    assert run.started is not None
    return next(v for v in run.started.variants if v.variant == name)


def found(run: RunRecords) -> list[str]:
    return confounders(small().experiment(), run)


def test_variants_that_differ_in_nothing_have_none() -> None:
    assert found(gathered()) == []


def test_a_garbage_collector_mode_that_differs_is_named() -> None:
    run = gathered()
    variant(run, "aot").environment["DOTNET_gcServer"] = "1"

    assert found(run) == [
        "DOTNET_gcServer (garbage collector mode) is “1” in aot and not set in jit."
    ]


def test_what_base_images_set_is_no_confounder() -> None:
    run = gathered()
    variant(run, "jit").environment["DOTNET_VERSION"] = "10.0.12"
    variant(run, "jit").environment["PATH"] = "/bin"

    assert found(run) == []


def test_unknown_variables_are_named_without_their_values() -> None:
    run = gathered()
    variant(run, "jit").environment["DB_PASSWORD"] = "secret"

    assert found(run) == ["The environment of aot also differs from jit in DB_PASSWORD."]


def test_another_working_directory_is_named() -> None:
    run = gathered()
    variant(run, "aot").working_directory = ""

    assert len(found(run)) == 1
    assert "aot works in /, jit in /app" in found(run)[0]


def test_options_of_the_java_vm_are_compared() -> None:
    run = gathered()
    variant(run, "jit").argv[:] = ["java", "-XX:+UseSerialGC", "-jar", "a.jar"]
    variant(run, "aot").argv[:] = ["java", "-XX:AOTCache=a.aot", "-jar", "a.jar"]

    assert found(run) == ["aot runs with no options of the Java VM, jit with -XX:+UseSerialGC."]


def test_another_load_driver_is_named() -> None:
    run = gathered()
    for trial in run.trials:
        trial.outcome.load.driver = "h2load" if trial.variant == JIT.name else "builtin"

    assert found(run) == [
        f"{AOT.name} was measured with a load driver (builtin) other than jit's (h2load)."
    ]


def test_containers_that_differ_are_named_key_by_key() -> None:
    run = gathered()
    needs = variant(run, "aot").needs
    needs.read_only, needs.shm_bytes = True, 8 << 20
    needs.tmpfs_bytes["/tmp"] = 64 << 20  # the container's
    needs.hosts["db"] = "127.0.0.1"
    needs.host_paths.add(host="/d", at="/d")

    assert found(run) == [
        "The container of aot has a read-only file system, that of jit a writable file system.",
        "The container of aot has /tmp in memory (64 MiB), that of jit no tmpfs.",
        "The container of aot has 8 MiB of /dev/shm, that of jit the engine's default of /dev/shm.",
        "The container of aot has /d of its host at /d to read, that of jit no path of its host.",
        "The container of aot has db at 127.0.0.1, that of jit no names of its own to resolve.",
    ]
