"""All containers of an experiment are asked for in one place: none is forgotten."""

from headstart.v1.experiment_pb2 import (
    Check,
    Companion,
    ContainerCheck,
    Experiment,
    HttpCheck,
    SecretReference,
    Seed,
    Service,
    Variant,
)
from headstart.words.containers import containers_of, other_names
from headstart.words.foreign.secrets import named_values, references_in

EXPERIMENT = Experiment(
    variants=[Variant(name="jit", image="app:jit")],
    beside=[
        Companion(
            name="db",
            container=Variant(
                name="beside.db",
                image="postgres:17",
                environment={"POSTGRES_PASSWORD": "open sesame"},
                secret_environment={"KEY": SecretReference(variable="DB_KEY")},
                arguments=["--password=swordfish"],
            ),
            seed=Seed(argv=["psql", "--password=halibut"], input=b"password='trout-and-salmon'"),
        )
    ],
    service=Service(
        checks=[
            Check(name="answers", http=HttpCheck()),
            Check(
                name="tests",
                container=ContainerCheck(container=Variant(name="check.2", image="tests:1")),
            ),
        ]
    ),
)


def test_variants_come_first_and_each_container_knows_its_place_in_the_file() -> None:
    found = {placed.container.image: placed.path for placed in containers_of(EXPERIMENT)}

    assert found == {
        "app:jit": ("variants", "jit"),
        "postgres:17": ("beside", "db"),
        "tests:1": ("service", "checks", 1),
    }


def test_names_of_others_are_none_that_a_variant_can_have() -> None:
    assert other_names(EXPERIMENT) == ["beside.db", "check.2"]


def test_a_companions_secrets_are_found_where_secrets_are_sought() -> None:
    values = {value for _, value in named_values(EXPERIMENT)}

    assert {"open sesame", "swordfish", "halibut", "password='trout-and-salmon'"} <= values
    assert [path for path, _ in references_in(EXPERIMENT)] == [("beside", "db", "env", "KEY")]
