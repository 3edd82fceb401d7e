"""Texts of a certain form that appear under several keys."""

from typing import Annotated

from headstart.collector.experiment_file.units import Text

# Names of experiments, variants and containers: RFC 1123, section 2.1.
Label = Annotated[
    str,
    Text(
        what="a name of a-z, 0-9 and, within, '-', at most 63 long",
        pattern="[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
        maximum=63,
    ),
]
Line = Annotated[str, Text("one line of text", r"[^\r\n]{1,200}", maximum=200)]
Argument = Annotated[str, Text("an argument", loose=True)]
Header = Annotated[str, Text("one line of ASCII", r"[\t -~]*", loose=True)]
EnvironmentName = Annotated[
    str,
    Text(
        what="the name of an environment variable",
        pattern=r"[A-Za-z_][A-Za-z0-9_.-]{0,254}",
        maximum=255,
    ),
]
EnvironmentValue = Annotated[str, Text("text", maximum=32768, loose=True)]
# An address is none: what it held would not be known afterwards.
FOLDER = Text("the path of a folder", r"(?!.*://)[^\r\n]+")
FolderPath = Annotated[str, FOLDER]
