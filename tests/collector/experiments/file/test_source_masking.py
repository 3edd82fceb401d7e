"""The text that is kept of an experiment file has no secret in it and is a file all the same."""

import pytest
import yaml

from headstart.collector.experiments.file import ExperimentProblems, load_experiment
from headstart.collector.experiments.file.source_masking import masked_source

FILE = """\
experiment: e
baseline: a
variants:
  a:
    command: [app, --password, hunter2-s3cr3t]  # was: hunter2-s3cr3t, then Password=older1
    env: &env
      DB_PASSWORD: &secret hunter2-s3cr3t
      AGAIN: *secret
      URL: postgres://zoe:0th3r-one@db
      PEM_KEY: |
        -----BEGIN-----
        abcdefgh
  b: {command: [app], env: {DB_PASSWORD: hunter2-s3cr3t, URL: plain}}
service:
  port: 9000
  ready: {request: "POST /login?token=t0k3n", json: {password: "x1y2z3"}}
"""


def test_no_secret_is_left_and_the_rest_is_as_it_was() -> None:
    kept = load_experiment(FILE, "/x").source_text
    content = yaml.safe_load(kept)
    a, b = content["variants"]["a"], content["variants"]["b"]

    for secret in ("hunter2", "0th3r", "BEGIN", "abcdefgh", "t0k3n", "x1y2", "older1"):
        assert secret not in kept
    assert a["env"]["DB_PASSWORD"] == a["env"]["AGAIN"] == b["env"]["DB_PASSWORD"]
    assert a["env"]["URL"].startswith("postgres://zoe:[masked ")
    assert b["env"]["URL"] == "plain"
    assert kept.splitlines()[:4] == FILE.splitlines()[:4]


def test_a_file_out_of_a_report_is_refused_where_values_are_masked() -> None:
    kept = load_experiment(FILE, "/x").source_text

    with pytest.raises(ExperimentProblems) as refused:
        load_experiment(kept, "/x")

    assert "variants.b.env.DB_PASSWORD: the value was masked" in str(refused.value)


def test_what_runs_is_what_was_written() -> None:
    experiment = load_experiment(FILE, "/x")

    assert experiment.variants[0].environment["DB_PASSWORD"] == "hunter2-s3cr3t"
    assert b"x1y2z3" in experiment.service.ready.http.request.body


def test_a_file_without_secrets_is_kept_to_the_letter() -> None:
    file = (
        'experiment: "e"  # why\nbaseline: a\nvariants:\n  a: {command: [x]}\n  b: {command: [y]}\n'
    )
    file += "service: {port: 9000, ready: GET /health}\n"

    assert load_experiment(file, "/x").source_text == file


def test_a_mistake_does_not_show_a_value() -> None:
    wrong = FILE.replace("port: 9000", "port: hunter2-s3cr3t")

    with pytest.raises(ExperimentProblems) as refused:
        load_experiment(wrong, "/x")

    assert "hunter2" not in str(refused.value)
    assert "service.port" in str(refused.value)


def test_the_long_form_of_a_variable_has_the_name_of_the_variable() -> None:
    text = "variants:\n  a:\n    env: {DB_PASSWORD: {value: hunter2xyz}, value: plain}\n"
    data = yaml.safe_load(text)
    kept = masked_source(text, data)

    assert yaml.safe_load(kept) == {
        "variants": {"a": {"env": {"DB_PASSWORD": {"value": "[masked 1]"}, "value": "plain"}}}
    }


def test_the_words_of_a_command_are_masked_in_their_places() -> None:
    text = "variants: {a: {command: [./s, --password, hunter3xyz, -Dkey=hunter4xyz, 7]}}\n"

    assert masked_source(text, yaml.safe_load(text)) == (
        'variants: {a: {command: [./s, --password, "[masked 1]", "-Dkey=[masked 2]", 7]}}\n'
    )
