"""What stands beside an app: from the file to the message, and no secret of it stays."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.collector.experiments.file import load_experiment
from headstart.collector.experiments.file.overrides import override, plan_overrides
from headstart.v1 import experiment_pb2 as pb
from headstart.words.containers import MOST_COMPANIONS, other_names

TEXT = (Path(__file__).parents[1] / "experiment_files" / "beside.yaml").read_text()
MIB = 1 << 20


def beside(text: str = TEXT) -> list[pb.Companion]:
    return list(load_experiment(text, "/home/me/players").beside)


def test_a_companion_is_a_container_with_its_readiness_its_seed_and_its_limits() -> None:
    db = beside()[0]

    assert db == pb.Companion(
        name="db",
        container=pb.Variant(
            name="beside.db",
            image="postgres:17",
            entrypoint=["docker-entrypoint.sh", "postgres"],
            arguments=["-c", "fsync=off"],
            environment={"POSTGRES_DB": "players"},
            secret_environment={"POSTGRES_PASSWORD": pb.SecretReference(variable="DB_PASSWORD")},
            needs=pb.ContainerNeeds(
                user="postgres",
                read_only=True,
                tmpfs_bytes={"/run": MIB},
                shm_bytes=128 * MIB,
                volumes=["/var/lib/postgresql"],
                ulimits={"nofile": 1024},
                capabilities=["CHOWN"],
                hosts={"replica": "127.0.0.1"},
            ),
        ),
        ready=pb.CompanionReady(port=5432, timeout_seconds=120),
        life=pb.COMPANION_LIFE_RUN,
        seed=pb.Seed(
            argv=["psql", "-U", "postgres"],
            input="CREATE TABLE zoë (id int);".encode(),
            timeout_seconds=5,
        ),
        memory_limit_bytes=512 * MIB,
        cpu_limit=1.5,
        cpus="2-3",
        ports=[5433, 5434],
    )


def test_without_keys_it_is_made_anew_and_ready_when_it_runs() -> None:
    other = beside()[3]

    assert other == pb.Companion(
        name="other",
        container=pb.Variant(name="beside.other", image="other"),
        ready=pb.CompanionReady(timeout_seconds=60),
        life=pb.COMPANION_LIFE_TRIAL,
    )
    assert not other.HasField("seed")
    assert other.ready.WhichOneof("kind") is None


def test_it_is_ready_by_a_command_or_a_line_and_a_list_is_a_seeds_command() -> None:
    _, cache, broker, _ = beside()

    assert cache.ready.command.argv == ["redis-cli", "ping"]
    assert cache.seed == pb.Seed(argv=["redis-cli", "set", "a", "1"], timeout_seconds=60)
    assert broker.ready.log_pattern == "ready to accept|listening"


def test_they_are_called_as_agents_and_collector_call_them() -> None:
    experiment = load_experiment(TEXT, "/x")

    assert [each.container.name for each in experiment.beside] == other_names(experiment)
    assert len(experiment.beside) <= MOST_COMPANIONS


def test_secrets_of_it_are_masked_in_the_text_that_is_kept() -> None:
    text = TEXT.replace("{from: DB_PASSWORD}", "hunter2xyz")
    text = text.replace("[redis-cli, ping]", "[redis-cli, --password, hunter3xyz]")
    text = text.replace("[redis-cli, set, a, 1]", "[redis-cli, --password, hunter4xyz, flushall]")
    text = text.replace("[-c, fsync=off]", "[--password=hunter5xyz]")
    text = text.replace("CREATE TABLE zoë (id int);", "CREATE USER a PASSWORD 'hunter6xyz'")
    experiment = load_experiment(text, "/x")

    assert text.count("hunter") == 5
    assert "hunter" not in experiment.source_text
    assert "CREATE USER a PASSWORD '[masked" in experiment.source_text
    # What runs has them.
    assert experiment.beside[0].seed.input == b"CREATE USER a PASSWORD 'hunter6xyz'"
    assert experiment.beside[1].seed.argv[2] == "hunter4xyz"


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("beside.db.image", "postgres:16", lambda db: db.container.image == "postgres:16"),
        ("beside.db.fresh", "trial", lambda db: db.life == pb.COMPANION_LIFE_TRIAL),
        ("beside.db.ready.port", "5431", lambda db: db.ready.port == 5431),
        ("beside.db.memory", "1GiB", lambda db: db.memory_limit_bytes == 1024 * MIB),
    ],
)
def test_an_option_replaces_a_key_of_it(
    key: str, value: str, found: Callable[[pb.Companion], bool]
) -> None:
    changed = override(TEXT, plan_overrides(TEXT, None, None, [(key, value)]))

    assert changed.mistakes("/x", "F") == []
    assert found(beside(changed.text)[0])


def test_a_mistake_of_such_an_option_names_it() -> None:
    key = "beside.db.ready.port"
    changed = override(TEXT, plan_overrides(TEXT, None, None, [(key, "9000")]))

    (told,) = changed.mistakes("/x", "F")
    assert told.startswith(f"--set {key}: port 9000 is that of the app (service.port)")


def test_a_batch_program_has_services_too() -> None:
    text = (Path(__file__).parents[1] / "experiment_files" / "batch.yaml").read_text()
    text = text.replace("command: [java, -jar, closure.jar]", "image: compiler:jar")
    text = text.replace("command: [./closure-compiler]", "image: compiler:native")

    (db,) = beside(f"{text}beside: {{db: {{image: postgres}}}}\n")
    assert db.name == "db"
