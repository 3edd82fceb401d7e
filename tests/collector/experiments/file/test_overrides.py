"""Values that the command line replaces in an experiment file."""

from typing import Any

import pytest
import yaml

from headstart.collector.experiments.file import load_experiment
from headstart.collector.experiments.file.overrides import (
    NoOverride,
    Overridden,
    Override,
    override,
    plan_overrides,
    read_value,
    scalar_text,
)

FILE = """\
# yaml-language-server: $schema=docs/experiment.schema.json
experiment: players   # the API
baseline: jit
variants:
  jit: {image: "players:jit"}
  aot: {image: "players:aot"}
service:
  port: 9000
  ready: GET /health
load: {request: GET /players, duration: 60s}   # long enough
plan:
  # how often
  load_every: 3
"""


def changed(
    text: str, blocks: str | None = None, duration: str | None = None, **settings: str
) -> Overridden:
    pairs = [(key.replace("__", "."), value) for key, value in settings.items()]
    return override(text, plan_overrides(text, blocks, duration, pairs))


def mistakes(found: Overridden) -> list[str]:
    return found.mistakes("/work", "players.yaml")


def test_what_is_asked_for_is_what_runs_and_all_the_rest_stays() -> None:
    found = changed(FILE, "12", "30s", plan__maximum__time="1h")
    experiment = load_experiment(found.text, "/work")
    lines = found.text.splitlines()

    assert experiment.plan.blocks == 12
    assert experiment.load.duration_seconds == 30
    assert experiment.plan.maximum_seconds == 3600
    assert experiment.plan.load_every == 3
    assert experiment.source_text == found.text
    assert set(FILE.replace("60s", "30s").splitlines()) <= set(lines)


def test_a_comment_on_top_says_what_was_changed_and_from_what() -> None:
    first = changed(FILE, "12", "30s").text.splitlines()[0]

    assert first == (
        "# Changed on the command line: plan.blocks: 12 (not in the file); "
        "load.duration: 30s (in the file 60s)"
    )


def test_the_comment_tells_no_secret_neither_the_new_nor_the_old() -> None:
    found = override(
        "a: {env: {DB_PASSWORD: oldsecret9, TOKEN: {value: third77}, DSN: 'x://u:fourth@h'}}\n",
        [
            Override("--set", ("a", "env", "DB_PASSWORD"), "hunter2xyz"),
            Override("--set", ("a", "env", "TOKEN", "value"), "hunter3xyz"),
            Override("--set", ("a", "env", "DSN"), "x://u:hunter4xyz@h"),
            Override("--set", ("a", "env"), {"API_KEY": "hunter5xyz"}),
        ],
    )
    first = found.text.splitlines()[0]

    assert "a.env.DB_PASSWORD: " in first
    assert "x://u:[masked]@h" in first
    assert not any(each in first for each in ("oldsecret9", "third77", "fourth", "hunter"))


def test_without_options_a_file_stays_as_it_is() -> None:
    assert override(FILE, []).text == FILE


def test_a_mistake_in_an_option_names_the_option() -> None:
    found = changed(FILE, "many", "30", plan__idel="1s")

    assert mistakes(found) == [
        "--duration: 30 has no unit; expected a duration such as 30s",
        "--set plan.idel: unknown key 'idel'; did you mean 'idle'?",
        "--blocks: expected auto or a whole number from 1 to 1000, found 'many'",
    ]


def test_other_mistakes_keep_the_lines_of_the_file() -> None:
    wrong = FILE.replace("port: 9000", "prot: 9000").replace("load_every: 3", "load_evry: 3")
    places = [mistake.split(" ")[0] for mistake in mistakes(changed(wrong, "3", plan__idle="1s"))]

    assert "players.yaml:8:3:" in places
    assert "players.yaml:13:3:" in places


def test_a_duration_without_a_load_says_which_option_needs_one() -> None:
    without = "".join(line for line in FILE.splitlines(True) if not line.startswith("load:"))
    (message,) = mistakes(changed(without, duration="30s"))

    assert message.startswith("--duration: load: expected 'request' or 'requests'")


def test_a_number_of_blocks_takes_the_place_of_the_most_blocks() -> None:
    text = FILE + "  maximum:\n    blocks: 20   # enough\n    time: 1h\n"
    found = changed(text, "5")
    experiment = load_experiment(found.text, "/work")

    assert (experiment.plan.blocks, experiment.plan.maximum_seconds) == (5, 3600)
    assert changed(text, "auto").text.count("blocks: 20") == 1


@pytest.mark.parametrize(
    "plan",
    [
        "",
        "plan:\n",
        "plan: {}\n",
        "plan: {idle: 1s}\n",
        "plan:\n    idle: 1s\n\n    # the end\n",
        "plan: {idle: 1s, blocks: auto} # x\n",
        "plan:\n  blocks:\n  idle: 1s\n",
        "plan:\n  blocks: 'auto'\n  idle: 1s",
        'plan: {"blocks": 3}\n',
        "plan: {\n  idle: 1s,\n}\n",
    ],
)
def test_however_a_plan_is_written(plan: str) -> None:
    text = FILE[: FILE.index("plan:")] + plan
    found = changed(text, "7")
    was = yaml.safe_load(text)

    assert yaml.safe_load(found.text) == was | {"plan": (was.get("plan") or {}) | {"blocks": 7}}
    assert load_experiment(found.text, "/work").plan.blocks == 7


def test_a_file_of_braces_and_one_with_a_byte_order_mark() -> None:
    for text in ('{"plan": {"idle": "1s"}}', "\ufeffplan: {idle: 1s}\n", "{}"):
        assert yaml.safe_load(changed(text, "7").text)["plan"]["blocks"] == 7


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("plan: 3\n", "'plan' is 3 in the file and has no keys"),
        ("plan: &p {idle: 1s}\nmargins: *p\n", "an anchor, an alias or a tag"),
        ("plan: {blocks: &b 3, load_every: *b}\n", "an anchor, an alias or a tag"),
    ],
)
def test_what_cannot_be_changed_from_outside_says_so(plan: str, words: str) -> None:
    with pytest.raises(NoOverride, match=r"^--blocks: ") as raised:
        changed(plan, "7")

    assert words in str(raised.value)


def test_a_file_that_is_no_yaml_is_told_as_always() -> None:
    (message,) = mistakes(changed("plan: [", "7"))

    assert message.startswith("players.yaml:1:8: expected a value here")


@pytest.mark.parametrize(
    "value",
    ["plain", "a b", "a: b", "a, b", "{", "#x", " x", "", "true", "10", "1.5", "é", "a\nb", "'"],
)
def test_a_text_is_read_back_as_that_text(value: str) -> None:
    as_read: Any = yaml.safe_load(f"k: {scalar_text(value)}")

    assert as_read == {"k": value}


def test_values_of_options_are_read_as_in_a_file() -> None:
    assert [read_value(text) for text in ("10", "true", "30s", "no", "[1]")] == [
        10,
        True,
        "30s",
        "no",
        "[1]",
    ]


def test_several_changes_of_one_key_end_with_the_last() -> None:
    both = [Override("--a", ("plan", "idle"), "1s"), Override("--b", ("plan", "idle"), "2s")]

    assert yaml.safe_load(override(FILE, both).text)["plan"]["idle"] == "2s"
