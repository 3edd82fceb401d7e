"""Cleaning itself: what it lets through reaches terminals, logs and files."""

import json
import unicodedata

from fuzz.target import Table, require
from headstart.collector.report.sentences.text import fenced, markdown
from headstart.words.foreign import clean

TABLE = Table()


@TABLE.add("anybody")
def clean_words(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for function, breaks in ((clean.line, ""), (clean.lines, "\n\t"), (clean.label, "")):
        found = function(text)
        bad = {c for c in found if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs")}
        require(bad <= set(breaks), f"{bad} are left")
        require(function(found) == found, "cleaning twice is not cleaning once")
    require(len(clean.label(text)) <= clean.LABEL_CHARACTERS, "a label is too long")
    require("/" not in clean.file_name(text) and clean.file_name(text)[0] not in ".-", "a path")
    written = json.dumps(text, ensure_ascii=False)
    require(json.loads(clean.json_text(written)) == json.loads(written), "JSON has changed")


@TABLE.add("anybody")
def markdown_words(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    found = markdown(text)
    require("\n" not in found, "a line of Markdown has two")
    require("<" not in found.replace("\\<", ""), "HTML in Markdown")
    block = fenced(text).split("\n")
    require(all(not line.startswith(block[0]) for line in block[1:-1]), "a fence ends early")
