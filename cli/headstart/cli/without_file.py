"""An experiment that stands on the command line: `try` and `init` share this.

Every guess is said in a line, with the option that says otherwise.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import click

from headstart.cli.errors import InputError
from headstart.cli.if_busy import machine_held
from headstart.cli.terminal import say

# Where a mistake in the text comes from.
_OPTIONS = {
    "experiment": "--name",
    "service.ready": "--ready",
    "load.duration": "--duration",
    "load.request": "--load",
    "plan.blocks": "--blocks",
}
_FEW = (
    "expected at least two images or commands to compare, such as"
    " app:jit app:aot, or './a --fast' './b --fast'"
)
_LOAD_SECONDS = "10s"


@dataclass(frozen=True)
class Asked:
    """What the command line says; the names are those of `thing_options`."""

    things: tuple[str, ...]
    kind: str | None
    baseline: str | None
    name: str | None
    port: int | None
    batch: bool
    ready: str | None
    checks: tuple[str, ...]
    load: str | None
    duration: str | None
    blocks: str | None

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> "Asked":
        """Takes what belongs here out of a command's parameters."""
        return cls(**{each.name: options.pop(each.name) for each in fields(cls)})


@dataclass(frozen=True)
class _Service:
    """Port 0: programs that end by themselves."""

    port: int = 0
    ready: str = "/"
    tls: bool = False


def thing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments and options of `Asked`."""
    options = (
        click.argument("things", nargs=-1, metavar="THING THING..."),
        click.option("--image", "kind", flag_value="image", help="Every THING is an image."),
        click.option("--command", "kind", flag_value="command", help="Every THING is a command."),
        click.option("--baseline", metavar="NAME", help="Which one the others are compared with. "
                     "Default: the first."),
        click.option("--name", help="Name of the experiment."),
        click.option("--port", type=click.IntRange(1, 65535), help="TCP port of each of them."),
        click.option("--batch", is_flag=True, help="Each ends by itself and listens on no port."),
        click.option("--ready", metavar="REQUEST", help="Path or request whose first correct "
                     "answer ends startup: /health."),
        click.option("--check", "checks", multiple=True, metavar="REQUEST", help="Path or request "
                     "that all must answer, and alike: 'GET /players -> 200'. May be repeated."),
        click.option("--load", metavar="REQUEST", help="Path or request of a load. Default of "
                     "--duration: the first check, else the request of --ready."),
        click.option("--duration", metavar="DURATION", help="Applies a load for so long: 30s."),
        click.option("--blocks", metavar="N|auto", help="Passes over all of them. Default: as many "
                     "as it takes, within a minute."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def written(asked: Asked, folder: Path) -> str:
    """The experiment file of what was asked for, to stand in `folder`; InputError."""
    from headstart.cli.things import LocalEngine, thing_of
    from headstart.collector.experiments.file.overrides import Overridden, read_value
    from headstart.collector.experiments.sketch import (
        Sketch,
        SketchVariant,
        experiment_name,
        names_of,
        text_of,
    )

    if len(asked.things) < 2:
        raise InputError(_FEW)
    if asked.batch and (asked.port or asked.ready or asked.checks or asked.load or asked.duration):
        raise InputError("--batch: programs that end by themselves get no port, requests or load")
    _require_requests(asked)
    elsewhere = folder.resolve() != Path.cwd().resolve()
    with closing(LocalEngine()) as local:
        things = [thing_of(text, asked.kind, local) for text in asked.things]
        variants = [
            SketchVariant(
                image=each.image,
                command=each.command,
                env=each.env,
                workdir=os.path.relpath(Path.cwd(), folder) if elsewhere and each.command else "",
            )
            for each in things
        ]
        names = names_of(variants)
        baseline = _baseline(asked, names)
        for name, each in zip(names, things, strict=True):
            say(f"{name}: {each.words}{', the baseline' if name == baseline else ''}", err=True)
        service = _service(asked, things, _first(things, names.index(baseline)), local)
    if not service.port:
        if asked.checks or asked.load or asked.duration:
            raise InputError(
                "--check, --load, --duration: programs that end by themselves get none"
            )
        variants = [
            # The image's own arguments are what it is given to do.
            replace(variant, entrypoint=each.argv if each.image else ())
            for variant, each in zip(variants, things, strict=True)
        ]
    duration = asked.duration or (_LOAD_SECONDS if asked.load else None)
    load = asked.load or next(iter(asked.checks), service.ready)
    text = text_of(
        Sketch(
            name=asked.name or experiment_name(variants, names),
            variants=dict(zip(names, variants, strict=True)),
            baseline=baseline,
            port=service.port,
            ready=_request(service.ready),
            tls=service.tls,
            checks=[_request(check) for check in asked.checks],
            blocks=None if asked.blocks is None else read_value(asked.blocks),
            duration=None if duration is None else read_value(duration),
            request=_request(load).partition("->")[0].strip(),
        )
    )
    options = _OPTIONS | {f"service.checks[{n}]": "--check" for n in range(len(asked.checks))}
    if mistakes := Overridden(text, options, ()).mistakes(str(folder), "the experiment"):
        raise InputError(*mistakes)
    return text


def _first(things: Sequence[Any], baseline: int) -> int:
    """The one that is asked about the service: the baseline, unless it is not there."""
    there = [n for n, each in enumerate(things) if each.command or each.held is not None]
    return baseline if baseline in there or not there else there[0]


def _baseline(asked: Asked, names: Sequence[str]) -> str:
    """By its name, or as it was given."""
    if asked.baseline is None:
        return names[0]
    known = {**dict(zip(asked.things, names, strict=True)), **{name: name for name in names}}
    if asked.baseline not in known:
        raise InputError(
            f"--baseline: none of them is called {asked.baseline!r}; expected {', '.join(names)}"
        )
    return known[asked.baseline]


def _require_requests(asked: Asked) -> None:
    """InputError with all that are no paths or requests, before anything is started."""
    given = [("--ready", asked.ready), ("--load", asked.load)]
    given += [("--check", check) for check in asked.checks]
    mistakes = [
        f"{option}: expected a path that begins with '/', or a request such as 'GET /health', "
        f"found '{text}'"
        for option, text in given
        if text and not text.startswith("/") and " /" not in text
    ]
    if mistakes:
        raise InputError(*mistakes)


def _request(text: str) -> str:
    """A path alone is asked for with GET."""
    return f"GET {text}" if text.startswith("/") else text


def _service(asked: Asked, things: Sequence[Any], first: int, local: Any) -> _Service:
    """Port and readiness: what was said, else what images and environment say, else a look."""
    from headstart.agent.engine.service_hints import port_of_environment, service_hints

    if asked.batch:
        return _Service()
    base = things[first]
    hints = service_hints((base.held or {}).get("Config") or {})
    port, source = hints.port, hints.port_from
    if base.command:
        port, source = port_of_environment(base.env)
    ready, tls = asked.ready or hints.path, hints.tls
    if asked.port:
        port = asked.port
    elif port:
        say(f"port {port}: {source} of {base.text} (--port says another)", err=True)
        _require_one_port(things, port)
    if asked.ready is None and hints.path:
        say(f"ready GET {ready}: HEALTHCHECK of {base.text} (--ready says another)", err=True)
    if port and ready:
        return _Service(port, ready, tls)
    return _looked(base, port, ready, local)


def _require_one_port(things: Sequence[Any], port: int) -> None:
    from headstart.agent.engine.service_hints import service_hints

    for each in things:
        other = service_hints((each.held or {}).get("Config") or {}).port
        if other not in (0, port):
            raise InputError(
                f"{each.text} says port {other}, and one port is for all: --port says which"
            )


def _looked(base: Any, port: int, ready: str, local: Any) -> _Service:
    """What is not known yet is seen when one of them is started once."""
    # A run that measures is not disturbed by it.
    with machine_held():
        look = _look(base, port, local)
    if look is None:
        if not port:
            raise InputError(f"no port is known of {base.text}: --port says it, or --batch: none")
        say("ready GET /: nothing says better (--ready says another)", err=True)
        return _Service(port)
    if not port and not ready and look.ended == 0:
        say(f"no port: {base.text} ended by itself with status 0 (--port says another)", err=True)
        return _Service()
    if not port and look.ended is not None:
        raise InputError(
            f"{base.text} ended with status {look.ended} when it was started once",
            *(f"  {line}" for line in look.last_words.splitlines()[-5:]),
        )
    if not port and len(look.ports) != 1:
        seen = f"listens on {', '.join(map(str, look.ports))}" if look.ports else (
            "neither ended nor listened on a port within 10 s"
        )  # fmt: skip
        worker = "" if look.ports else "; a worker, ready at a line of its log, needs a file"
        raise InputError(
            f"{base.text} {seen} when it was started once: --port says which port, or --batch:"
            f" none{worker}"
        )
    if not port:
        port = look.ports[0]
        say(f"port {port}: {base.text} listens there (--port says another)", err=True)
    if not ready and look.statuses and all(0 < status < 500 for status in look.statuses):
        raise InputError(_no_path(base.text, look.statuses))
    if not ready:
        why = f"{base.text} answered it" if look.path else "nothing says better"
        ready = look.path or "/"
        say(f"ready GET {ready}: {why} (--ready says another)", err=True)
    return _Service(port, ready)


def _no_path(text: str, statuses: Sequence[int]) -> str:
    """Of a server that is ready and answers none of the usual paths well."""
    from headstart.agent.runtimes.first_look import PATHS

    answers = ", ".join(
        f"{path} with {status}" for path, status in zip(PATHS, statuses, strict=True)
    )
    return (
        f"{text} answered {answers} when it was started once: --ready says which request is "
        "answered well, as in --ready /items or --ready '/ -> 302'"
    )


def _look(base: Any, port: int, local: Any) -> Any:
    from headstart.agent.instances import RuntimeFault
    from headstart.agent.runtimes.first_look import look_at_command, look_at_image

    if base.command:
        try:
            return look_at_command(base.command, base.env, port)
        except OSError as error:
            raise InputError(f"{base.text} cannot be started: {error.strerror}") from error
    engine = local.engine()
    if engine is None or base.held is None or not base.argv:
        return None
    try:
        return look_at_image(engine, base.held["Id"], base.argv, port)
    except RuntimeFault as fault:
        say(f"{base.text} could not be started once to look at it: {fault}", err=True)
        return None
