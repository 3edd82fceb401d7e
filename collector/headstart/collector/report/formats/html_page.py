"""Pages from templates: autoescaped, with the style sheet inside, nothing to fetch."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headstart.words.foreign import clean

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_cleaned,
    )


def _cleaned(value: Any) -> Any:
    """Every value that a template prints, before it is escaped; markup is our own."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return clean.lines(value) if "\n" in value else clean.line(value)


def rendered(template: str, **values: Any) -> str:
    """A page; a value that the template asks for and does not get is an error."""
    style = Markup((_TEMPLATES / "report.css").read_text())  # noqa: S704  # our own file
    return _environment().get_template(template).render(style=style, **values)
