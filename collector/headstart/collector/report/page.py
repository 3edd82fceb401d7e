"""Pages from templates: autoescaped, with the style sheet inside, nothing to fetch."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )


def rendered(template: str, **values: Any) -> str:
    """A page; a value that the template asks for and does not get is an error."""
    style = Markup((_TEMPLATES / "report.css").read_text())  # noqa: S704  # our own file
    return _environment().get_template(template).render(style=style, **values)
