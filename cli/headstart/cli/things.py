"""What an argument of `try` and `init` is: an image of the engine, or a command of this host."""

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headstart.agent.engine.engine import Engine
from headstart.agent.instances import RuntimeFault
from headstart.cli.errors import InputError
from headstart.words.foreign.image_reference import MalformedReference, parse_image
from headstart.words.foreign.secrets import shown_words

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
# What a shell would make something of; without one it would be an argument.
_SHELLS_OWN = re.compile(r"[|&;<>]+")


@dataclass(frozen=True)
class Thing:
    """An argument, and what was made of it; `words` say what and why."""

    text: str
    words: str
    image: str = ""
    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    # What `docker image inspect` shows of an image; None: the engine does not hold it.
    held: Mapping[str, Any] | None = None

    @property
    def argv(self) -> list[str]:
        """What an image runs, or the command."""
        config = (self.held or {}).get("Config") or {}
        return list(self.command) or [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]


class LocalEngine:
    """The engine of this host, connected when it is asked first; close it."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        # Why it does not answer; None: it was not asked yet, or does.
        self.fault: str | None = None

    def engine(self) -> Engine | None:
        """None where none answers."""
        if self._engine is None and self.fault is None:
            try:
                self._engine = Engine.connect()
            except RuntimeFault as fault:
                self.fault = str(fault)
        return self._engine

    def image(self, reference: str) -> Mapping[str, Any] | None:
        """What it holds under a name, if it answers."""
        engine = self.engine()
        try:
            return engine.image(reference) if engine else None
        except RuntimeFault as fault:
            self.fault = str(fault)
            return None

    def close(self) -> None:
        """End the connection."""
        if self._engine is not None:
            self._engine.close()


def thing_of(text: str, kind: str | None, local: LocalEngine) -> Thing:
    """What an argument is; InputError where nobody can know. `kind`: all are told to be that."""
    if kind == "command":
        return _command(text, "--command")
    try:
        parse_image(text)
    except MalformedReference as error:
        if kind == "image":
            raise InputError(f"--image: {text!r} is no reference of an image: {error}") from error
        return _command(text, "no name of an image")
    held = local.image(text)
    if kind == "image":
        return _image(text, held, local)
    program = shutil.which(text)
    if ":" in text or "@" in text or (held is not None and program is None):
        return _image(text, held, local)
    if held is not None:
        raise InputError(
            f"{text!r} is both an image of this host's engine and the program {program}:"
            " say --image or --command"
        )
    if program is not None:
        return _command(text, f"the program {program}")
    raise InputError(
        f"{text!r} is neither a program nor an image that this host's engine holds"
        f"{f' ({local.fault})' if local.fault else ''}; --image or --command says which was meant"
    )


def _image(text: str, held: Mapping[str, Any] | None, local: LocalEngine) -> Thing:
    has = "held by this host's engine" if held else local.fault or "not held by this host's engine"
    return Thing(text, f"image {text} ({has})", image=text, held=held)


def _command(text: str, why: str) -> Thing:
    """Words as a shell parts them, with `NAME=VALUE` before the program; no shell runs it."""
    try:
        # Without posix quoted words keep their quotes.
        lexer = shlex.shlex(text, posix=False, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        tokens, words = list(lexer), shlex.split(text)
    except ValueError as error:
        raise InputError(f"{text!r} cannot be parted into words: {error}") from error
    if any(map(_SHELLS_OWN.fullmatch, tokens)):
        raise InputError(
            f"{text!r} needs a shell, and none is started: write"
            f" {shlex.join(['sh', '-c', text])!r} to measure the shell too"
        )
    env = {}
    while words and (match := _ASSIGNMENT.fullmatch(words[0])):
        env[match[1]] = match[2]
        words = words[1:]
    if not words or not words[0]:
        raise InputError(f"{text!r} names no program")
    return Thing(text, f"command {shlex.join(shown_words(words))} ({why})", command=words, env=env)
