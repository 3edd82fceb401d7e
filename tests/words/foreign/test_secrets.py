"""Which names are secret, and what is shown in place of their values."""

import time
from pathlib import Path

import pytest

from headstart.v1.experiment_pb2 import Experiment
from headstart.words.foreign.secrets import (
    HARMLESS_NAMES,
    HARMLESS_WORDS,
    SECRET_NAMES,
    Masks,
    is_secret_name,
    masks_of,
    named_values,
    shown_words,
    without_values,
)

NAMES = [
    "DB_PASSWORD",
    "PGPASSWORD",
    "ConnectionStrings__Db",
    "authorization",
    "X-Api-Key",
    "apiToken",
    "AUTHTOKEN_V2",
    "APIKey",
    "apiKeyId",
    "signingkey",
    "Jwt:Key",
    "COSMOS_PRIMARY_KEY",
    "API_KEYS",
    "Cookie",
]
HARMLESS = [
    "PWD",
    "GPG_KEY",
    "PRIMARY_KEY",
    "primaryKey",
    "KEYBOARD",
    "MONKEY",
    "SPIDER_MONKEY",
    "TOKENIZER",
    "TOKENIZERS_PARALLELISM",
    "DOTNET_TieredPGO",
    "Accept",
    "PATH",
]


def test_the_list_is_documented() -> None:
    docs = Path(__file__).parents[3] / "docs" / "EXPERIMENT.md"

    for names in (SECRET_NAMES, HARMLESS_NAMES, HARMLESS_WORDS):
        assert ", ".join(f"`{pattern}`" for pattern in names) in docs.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_the_list_is_secret_in_any_case(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_other_names_are_not(name: str) -> None:
    assert not is_secret_name(name)


def test_what_differs_still_differs_and_what_is_the_same_is_the_same() -> None:
    masks = Masks()
    shown = [masks.value("DB_PASSWORD", value) for value in ("first-one", "other", "first-one")]

    assert shown == ["[masked 1]", "[masked 2]", "[masked 1]"]


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ("postgres://zoe:s3cr3t@db/players", "postgres://zoe:[masked 1]@db/players"),
        ("redis://:s3cr3t@db", "redis://:[masked 1]@db"),
        ("Host=db;Username=zoe;Password=a b;c", "Host=db;Username=zoe;Password=[masked 1] b;c"),
        ("/login?user=zoe&token=abc123", "/login?user=zoe&token=[masked 1]"),
        ('{"user": "zoe", "password": "a\\"b"}', '{"user": "zoe", "password": "[masked 1]"}'),
        ("CREATE USER zoe PASSWORD 's3c ret';", "CREATE USER zoe PASSWORD '[masked 1]';"),
        (
            "CREATE USER zoe IDENTIFIED WITH caching_sha2_password BY 's3cret';",
            "CREATE USER zoe IDENTIFIED WITH caching_sha2_password BY '[masked 1]';",
        ),
        ("SELECT 'password' AS a ORDER BY 'b'", "SELECT 'password' AS a ORDER BY 'b'"),
        ("http://localhost:9000/x@y", "http://localhost:9000/x@y"),
        ("GET /players?number=7", "GET /players?number=7"),
    ],
)
def test_a_text_that_says_password_is_shown_without_it(stated: str, shown: str) -> None:
    assert Masks().stated(stated) == shown


def seconds(text: str) -> float:
    begin = time.process_time()
    Masks().stated(text)
    return max(time.process_time() - begin, 1e-3)


@pytest.mark.parametrize(
    "piece",
    [
        "identified by ",
        "password '",
        "a",
        "://",
        "a://",
        "://b:",
        "password",
        "password=",
        'password="',
        '"',
        '"password',
        "a:b@",
    ],
)
def test_a_text_takes_no_more_than_its_size_allows(piece: str) -> None:
    full = piece * (256 * 1024 // len(piece))

    # Its square would take 64 times as long.
    assert seconds(full) < 20 * min(seconds(full[: len(full) // 8]) for _ in range(3))


def test_what_is_masked_stays_as_it_is() -> None:
    masks = Masks()
    once = masks.stated("postgres://zoe:s3cr3t@db?password=other1")

    assert Masks().stated(once) == once
    assert Masks().value("DB_PASSWORD", "[masked 3]") == "[masked 3]"


def test_an_output_is_shown_without_known_values_however_they_are_written() -> None:
    masks = masks_of([("DB_PASSWORD", 'pä"ss wörd')])
    written = [
        'pä"ss wörd',
        'p\\u00e4\\"ss w\\u00f6rd',
        "p%C3%A4%22ss+w%C3%B6rd",
        "pä&quot;ss wörd",
    ]

    assert [masks.output(f"<{each}>") for each in written] == ["<[masked 1]>"] * 4


def test_the_credential_of_a_header_is_known_without_its_scheme() -> None:
    masks = masks_of([("Authorization", "Bearer t0k3n-abc"), ("Cookie", "session=0123456789; a=b")])

    assert masks.output("no user t0k3n-abc") == "no user [masked 1]"
    assert masks.output("session 0123456789 ended") == "session [masked 2] ended"


def test_a_value_that_a_cut_went_through_is_not_left_in_part() -> None:
    masks = masks_of([("DB_PASSWORD", "hunter2-s3cr3t")])

    assert masks.output("r2-s3cr3t is wrong") == "[masked 1] is wrong"
    assert masks.output("wrong: hunter2-s") == "wrong: [masked 1]"
    assert masks.output("body 'hunter2-s3…' '…'") == "body '[masked 1]…' '…'"
    assert masks.output("last output '2-s3cr3t'") == "last output '[masked 1]'"


def test_a_few_characters_of_a_value_are_no_part_of_it() -> None:
    masks = masks_of([("DB_PASSWORD", "hunter2-s3cr3t")])

    for text in ("s3cr3t is wrong", "wrong: hunter2", "hunter…", "last output 's3cr3t'"):
        assert masks.output(text) == text


@pytest.mark.parametrize(
    "value",
    ["localhost", "master", "production", "true", "9000", "http://auth.example:8080/token"],
)
def test_what_is_said_everywhere_is_masked_under_its_own_name_only(value: str) -> None:
    masks = masks_of([("DB_PASSWORD", value)])

    assert masks.output(f"at {value} it died") == f"at {value} it died"
    assert masks.value("DB_PASSWORD", value) == "[masked 1]"


def test_an_address_with_a_password_in_it_is_looked_for() -> None:
    masks = masks_of([("TOKEN_URL", "http://zoe:hunter2@auth/")])

    assert masks.output("at http://zoe:hunter2@auth/ it died") == "at [masked 1] it died"


WORDS = [
    (["./s", "Host=db;Password=hunter3xyz"], ["./s", "Host=db;Password=[masked 1]"]),
    (["java", "-Ddb.password=hunter3xyz"], ["java", "-Ddb.password=[masked 1]"]),
    (["java", "-Dkey=hunter3xyz"], ["java", "-Dkey=[masked 1]"]),
    (["app", "--password", "hunter3xyz", "-v"], ["app", "--password", "[masked 1]", "-v"]),
    (["app", "--api-token", "hunter3xyz"], ["app", "--api-token", "[masked 1]"]),
    (["app", "--api-key=hunter3xyz"], ["app", "--api-key=[masked 1]"]),
    (["app", "http://u:hunter3xyz@h/"], ["app", "http://u:[masked 1]@h/"]),
    (["sh", "-c", "app --password hunter3xyz"], ["sh", "-c", "app --password [masked 1]"]),
    (["app", "--token", "--verbose"], ["app", "--token", "--verbose"]),
    (["app", "--key-file", "/etc/key.pem"], ["app", "--key-file", "/etc/key.pem"]),
    (["app", "--tokenizer", "bpe"], ["app", "--tokenizer", "bpe"]),
]


@pytest.mark.parametrize(("stated", "shown"), WORDS)
def test_the_words_of_a_command_are_shown_without_secrets(
    stated: list[str], shown: list[str]
) -> None:
    assert Masks().words(stated) == shown
    assert shown_words(shown) == [word.replace("[masked 1]", "[masked]") for word in shown]


@pytest.mark.parametrize("place", ["command", "entrypoint", "check", "job"])
def test_what_a_command_states_is_known_wherever_it_is_written(place: str) -> None:
    experiment = Experiment()
    words = {
        "command": lambda: experiment.variants.add().command.argv,
        "entrypoint": lambda: experiment.variants.add().entrypoint,
        "check": lambda: experiment.service.checks.add().command.argv,
        "job": lambda: experiment.jobs.add().command.argv,
    }[place]()
    words.extend(["./s", "--password", "hunter3xyz"])

    assert masks_of(named_values(experiment)).output("no hunter3xyz") == "no [masked 1]"


def test_many_values_are_looked_for_as_fast_as_few() -> None:
    text = "abcdefgh " * 4096
    few, many = (
        masks_of(("KEY", f"{number:05d}-{number:x}-value") for number in range(count))
        for count in (20, 4000)
    )
    took = []
    for masks in (few, many):
        masks.known(text)
        begin = time.process_time()
        for _ in range(5):
            masks.known(text)
        took.append(max(time.process_time() - begin, 1e-3))

    # One after the other they would take 200 times as long.
    assert took[1] < 40 * took[0]


def test_a_short_value_is_not_looked_for() -> None:
    assert masks_of([("DB_PASSWORD", "app")]).output("the app died") == "the app died"


def test_bytes_that_are_no_text_stay() -> None:
    masks = masks_of([("DB_PASSWORD", "hunter2")])

    assert masks.data(b"\xff hunter2 \x80") == b"\xff [masked 1] \x80"


def test_a_hosts_value_is_shown_by_its_reference() -> None:
    masks = Masks()
    masks.add_secret("DB", "DB_PASSWORD", "hunter2")

    assert masks.value("DB_PASSWORD", "hunter2") == "[secret DB]"
    assert masks.value("ConnectionStrings__Db", "Password=hunter2") == "Password=[secret DB]"


def test_a_description_does_not_depend_on_the_value() -> None:
    said = {without_values(f"GET /x?token={each}") for each in ("a", "b", "[masked 7]")}

    assert said == {"GET /x?token=[masked]"}
