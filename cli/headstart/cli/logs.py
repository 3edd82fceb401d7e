"""How a command logs: one line for each record, whatever stands in its words."""

import logging

from headstart.words import clean

# Before each line of a traceback, so that none looks like a record.
_CONTINUED = "  | "


class OneLine(logging.Formatter):
    """Cleans what was logged; host names, addresses and faults come from others."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, a traceback indented below it."""
        # A copy: other handlers get the record as it was.
        plain = logging.makeLogRecord(record.__dict__)
        plain.msg, plain.args = clean.line(record.getMessage()), ()
        plain.exc_info = plain.exc_text = plain.stack_info = None
        found = [super().format(plain)]
        if record.exc_info:
            found += self._indented(self.formatException(record.exc_info))
        if record.stack_info:
            found += self._indented(record.stack_info)
        return "\n".join(found)

    def _indented(self, text: str) -> list[str]:
        return [f"{_CONTINUED}{line}" for line in clean.lines(text).split("\n")]


def log_to_stderr(level: int, form: str) -> None:
    """Send every logger's records of this level and above to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(form))
    logging.basicConfig(level=level, handlers=[handler])
    # Python itself writes warnings to standard error as they are.
    logging.captureWarnings(True)
