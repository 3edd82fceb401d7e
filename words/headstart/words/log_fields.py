"""What a log line says beside its message: fields by name, which both formats of the log show.

log.info("run ended", extra=with_fields(run=run_id, state="done", seconds=12.3))
"""

from collections.abc import Mapping

# A field of one of these names would stand for what every line has.
RESERVED = frozenset({"time", "level", "logger", "message", "exception"})

Field = str | int | float | Mapping[str, str]
_KEY = "fields"


def with_fields(**fields: Field | None) -> dict[str, dict[str, Field]]:
    """For `extra` of a call to a logger; what is None or empty is left out."""
    kept = {name: value for name, value in fields.items() if value not in (None, "", {})}
    return {_KEY: {name: value for name, value in kept.items() if value is not None}}


def fields_of(record: object) -> Mapping[str, Field]:
    """The fields of a `logging.LogRecord`."""
    found = getattr(record, _KEY, None)
    return found if isinstance(found, Mapping) else {}
