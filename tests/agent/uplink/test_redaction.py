"""What leaves an agent has no secret value in it."""

import logging

import pytest

from headstart.agent.uplink.redaction import redacted, redacted_logs
from headstart.v1.records_pb2 import (
    CheckOutcome,
    Difference,
    Event,
    Failure,
    ResolvedVariant,
    RunOutcome,
    RunStarted,
    TrialOutcome,
)
from headstart.words.foreign.secrets import Masks, masks_of
from headstart.words.log_fields import fields_of, with_fields

SECRET = "hunter2-s3cr3t"
MASKS = masks_of([("DB_PASSWORD", SECRET)])


@pytest.mark.parametrize(
    "record",
    [
        TrialOutcome(output_tail=f"login {SECRET} failed"),
        TrialOutcome(failure=Failure(message=SECRET, output_tail=SECRET)),
        CheckOutcome(excerpt=f"\xff{SECRET}".encode("latin-1"), actual=SECRET, expected=SECRET),
        Event(text=SECRET),
        RunOutcome(reason=f"it broke: {SECRET!r}"),
        RunStarted(variants=[ResolvedVariant(argv=["app", SECRET], environment={"DSN": SECRET})]),
    ],
)
def test_wherever_an_app_may_put_a_value_it_is_replaced(record) -> None:  # type: ignore[no-untyped-def]  # any record
    before = record.SerializeToString()

    assert SECRET.encode() not in redacted(record, MASKS).SerializeToString()
    assert b"[masked 1]" in redacted(record, MASKS).SerializeToString()
    assert record.SerializeToString() == before


def test_variables_of_an_image_are_masked_by_name_and_differ_where_they_differ() -> None:
    variants = [
        ResolvedVariant(variant=name, environment={"API_KEY": value, "LANG": "C"})
        for name, value in (("a", "one"), ("b", "two"), ("c", "one"))
    ]
    shown = redacted(RunStarted(variants=variants), Masks()).variants

    assert [v.environment["API_KEY"] for v in shown] == ["[masked 1]", "[masked 2]", "[masked 1]"]
    assert shown[0].environment["LANG"] == "C"


def test_what_a_record_is_found_by_stays_even_if_it_is_somebodys_password() -> None:
    masks = masks_of([("DB_PASSWORD", "players")])

    assert redacted(TrialOutcome(variant="players"), masks).variant == "players"
    assert redacted(CheckOutcome(check="players"), masks).check == "players"


def test_a_traceback_is_logged_without_the_value(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("headstart.agent.somewhere")
    handler = logging.StreamHandler()
    lines: list[str] = []
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]  # a handler that remembers
    logging.getLogger().addHandler(handler)
    try:
        with redacted_logs(MASKS):
            try:
                raise ValueError(f"wrong: {SECRET}")
            except ValueError:
                log.exception("trial of %s", SECRET)
    finally:
        logging.getLogger().removeHandler(handler)

    assert "trial of [masked 1]" in lines[0]
    assert "ValueError: wrong: [masked 1]" in lines[0]
    assert SECRET not in lines[0] + caplog.text


def test_words_of_a_command_that_are_secret_are_masked_in_a_record() -> None:
    argv = ["./s", "--password", "hunter3xyz", "Host=db;Password=hunter4xyz"]
    shown = redacted(RunStarted(variants=[ResolvedVariant(argv=argv)]), Masks()).variants[0]

    assert list(shown.argv) == ["./s", "--password", "[masked 1]", "Host=db;Password=[masked 2]"]


def test_only_what_was_cut_is_searched_for_parts() -> None:
    part = SECRET[:10]
    difference = Difference(baseline=part, variant=SECRET)
    shown = redacted(CheckOutcome(actual=part, differences=[difference]), MASKS)

    assert shown.actual == "[masked 1]"
    assert shown.differences[0] == Difference(baseline="[masked 1]", variant="[masked 1]")
    assert redacted(Event(text=part), MASKS).text == part


def test_the_fields_of_a_log_line_are_masked_too() -> None:
    shown: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.append(record)

    handler = Kept()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with redacted_logs(MASKS):
            root.warning("run ended", extra=with_fields(run="1", outcome=f"{SECRET!r}", trials=2))
    finally:
        root.removeHandler(handler)

    assert fields_of(shown[0]) == {"run": "1", "outcome": "'[masked 1]'", "trials": 2}
