"""Where reports in the terminal are printed: plain text in a file, and clean words everywhere."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook
from rich.measure import Measurement
from rich.segment import Segment
from rich.text import Text

from headstart.words.foreign import clean


class _Cleaned:
    """Renders something without the controls that foreign words in it may hold."""

    def __init__(self, within: RenderableType) -> None:
        self._within = within

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._within, options):
            # Rich's own controls, such as the erasing of a line, are no text.
            yield segment if segment.control else segment._replace(text=clean.lines(segment.text))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._within)


class _Clean(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Cleaned(_line(each) if isinstance(each, Text) else each) for each in renderables]


def _line(text: Text) -> Text:
    """A text is one line; blank ones may stand before it, a break within it was not ours."""
    begin = len(text.plain) - len(text.plain.lstrip("\n"))
    if "\n" not in text.plain[begin:]:
        return text
    shown = Text("\\n").join(text[begin:].split("\n", allow_blank=True))
    return Text("\n" * begin).append_text(shown)


def report_console(given: Console, plain_width: int) -> Console:
    """A console for a report, in which no escape sequence of a measured program takes effect.

    A file has no width of its own: it gets `plain_width` columns at least, without colours.
    """
    console = given
    if not given.is_terminal:
        width = max(given.width, plain_width)
        console = Console(file=given.file, width=width, color_system=None)
    console.push_render_hook(_Clean())
    return console
