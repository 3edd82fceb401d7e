"""The text of an experiment file for things that somebody wants to compare, with explanations.

What `headstart try` runs is what `headstart init` writes: one text, which can be committed.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from headstart.collector.experiments.file.overrides import Value, scalar_text
from headstart.words.foreign.secrets import is_secret_name, shown_words, without_values

_LONGEST_NAME = 63
# Of a name that is put together: it heads columns.
_LONGEST_MADE = 40
_COMPILATIONS = {"jit": "jit", "aot": "aot", "r2r": "r2r", "interpreter": "interpreter"}
# A verdict within a minute. With a number of blocks the intervals are narrower than those of
# `auto`, which looks for the first time after ten.
_BLOCKS, _TIME = 10, "40s"


@dataclass(frozen=True)
class SketchVariant:
    """An image, or a command with its environment."""

    image: str = ""
    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    # Of a command, where it is not the folder of the file.
    workdir: str = ""
    # Of an image: what it runs in place of its own.
    entrypoint: Sequence[str] = ()


@dataclass(frozen=True)
class Sketch:
    """What is compared, and how it is asked. Port 0: batch programs, which nobody asks."""

    name: str
    variants: Mapping[str, SketchVariant]
    baseline: str
    port: Value = 0
    ready: str = "GET /"
    tls: bool = False
    checks: Sequence[str] = ()
    # None: a plan that ends within a minute.
    blocks: Value | None = None
    # None: no load.
    duration: Value | None = None
    request: str = ""


def names_of(variants: Sequence[SketchVariant]) -> list[str]:
    """A name for each: what of tags, repositories, programs or arguments tells them apart."""
    candidates = [
        [_tag(each) for each in variants],
        [_program(each) for each in variants],
        [f"{_program(each)}-{_tag(each)}" for each in variants],
        _differing(variants),
    ]
    for names in candidates:
        slugs = [_slug(name) for name in names]
        if all(slugs) and len(set(slugs)) == len(slugs):
            return slugs
    first = _slug(_program(variants[0])) or "variant"
    return [f"{first[: _LONGEST_NAME - 3]}-{number}" for number in range(1, len(variants) + 1)]


def experiment_name(variants: Sequence[SketchVariant], names: Sequence[str]) -> str:
    """What they have in common, else their names."""
    programs = {_slug(_program(each)) for each in variants}
    common = programs.pop() if len(programs) == 1 else ""
    return common or _slug("-vs-".join(names)) or "experiment"


def text_of(sketch: Sketch) -> str:
    """The file, commented. It is held against the models only where it is read."""
    return "\n".join(_lines(sketch)) + "\n"


def _lines(sketch: Sketch) -> Iterator[str]:
    yield "# yaml-language-server: $schema=experiment.schema.json"
    yield "# `headstart schema > experiment.schema.json` writes that schema: editors then complete"
    yield "# and check this file. docs/EXPERIMENT.md explains every key."
    yield f"experiment: {scalar_text(sketch.name)}"
    yield "# All others are compared with it."
    yield f"baseline: {scalar_text(sketch.baseline)}"
    yield "variants:"
    for name, variant in sketch.variants.items():
        yield f"  {scalar_text(name)}:"
        yield from (f"    {line}" for line in _variant(name, variant))
    yield ""
    yield from _service(sketch) if sketch.port else _batch()
    yield ""
    yield from _plan(sketch)
    yield ""
    yield from _gates(sketch)


def _variant(name: str, variant: SketchVariant) -> Iterator[str]:
    if variant.image:
        yield f"image: {scalar_text(variant.image)}"
        if variant.entrypoint:
            yield f"entrypoint: {_list(variant.entrypoint)}"
    else:
        yield f"command: {_list(variant.command)}"
        if variant.workdir:
            yield f"workdir: {scalar_text(variant.workdir)}"
    if variant.env:
        entries = (
            f"{scalar_text(key)}: {scalar_text(value)}" for key, value in variant.env.items()
        )
        yield f"env: {{{', '.join(entries)}}}"
    word = next((_COMPILATIONS[part] for part in name.split("-") if part in _COMPILATIONS), "")
    if word:
        yield f"compilation: {word}"
    else:
        yield "# compilation: jit   # or aot, mixed, interpreter: what its code is, for the report"


def _service(sketch: Sketch) -> Iterator[str]:
    yield "service:"
    yield f"  port: {scalar_text(sketch.port)}"
    yield "  # Startup ends with the first correct answer to this."
    yield f"  ready: {scalar_text(sketch.ready)}"
    if sketch.tls:
        yield "  tls: unverified"
    if sketch.checks:
        yield "  # What each variant must answer, and alike."
        yield "  checks:"
        yield from (f"    - {scalar_text(check)}" for check in sketch.checks)
        yield "  compare_with_baseline: true"
    else:
        yield "  # What each variant must answer, and alike. Faster is nothing if it is wrong:"
        yield "  # checks:"
        yield "  #   - GET /players -> 200"
        yield "  #   - {request: POST /players, json: {number: 7}, expect: {status: 201}}"
        yield "  # compare_with_baseline: true"
    yield ""
    yield "# Throughput, latency and memory under load. A JIT needs a minute to settle."
    if sketch.duration is not None:
        yield "load:"
        yield f"  request: {scalar_text(sketch.request or sketch.ready.partition('->')[0].strip())}"
        yield "  connections: 16"
        yield f"  duration: {scalar_text(sketch.duration)}"
    else:
        yield "# load: {request: GET /players, connections: 16, duration: 60s}"


def _batch() -> Iterator[str]:
    yield "service:"
    yield "  # Batch programs: measured from start to end, which must be with status 0."
    yield "  ready: {command: []}"
    yield "# `ready` is the trivial case of a program that does more than one thing:"
    yield "# jobs:"
    yield '#   short: {args: [--input, small.txt], output: "done"}'
    yield "#   long: {args: [--input, large.txt], repeat: 1}"
    yield "# Set `compare_with_baseline: true` under `service` where all must write the same."


def _plan(sketch: Sketch) -> Iterator[str]:
    """A minute, unless blocks or a load were asked for."""
    yield "plan:"
    yield "  # Passes over all variants, in random order. `auto`, for small differences, goes on"
    yield "  # until all is decided."
    yield f"  blocks: {scalar_text(_BLOCKS if sketch.blocks is None else sketch.blocks)}"
    if _is_short(sketch):
        yield "  # No block begins after it: take it out where the figures count."
        yield f"  maximum: {{time: {_TIME}}}"
    if sketch.port:
        yield "  # How long the app rests before its memory is read."
        yield "  idle: 500ms"
    if sketch.duration is not None:
        yield "  # The same after load, which is applied in every second block."
        yield "  settle: 1s"
        yield "  load_every: 2"
    yield "  # On a host with more than one CPU: app and load generator apart."
    yield '  # cpus: {server: "0", load: "1"}'
    if any(variant.image for variant in sketch.variants.values()):
        yield "  # memory: 512MiB"


def _is_short(sketch: Sketch) -> bool:
    return sketch.blocks is None and sketch.duration is None


def _gates(sketch: Sketch) -> Iterator[str]:
    if sketch.port and not sketch.duration:
        yield "# What a variant must reach: without a load nothing asks for throughput."
        yield "gates:"
        yield "  startup_seconds: {margin: 5%}"
        yield "  rss_idle_bytes: {margin: 5%}"
        return
    yield "# What a variant must reach. Without `gates`: to be no worse than the baseline."
    yield "# gates:"
    yield "#   startup_seconds: {max: 50ms}"
    if sketch.port:
        yield "#   rss_idle_bytes: {max: 50MB}"
        yield "#   throughput_steady_per_second: {margin: 5%}"


def _list(arguments: Sequence[str]) -> str:
    return f"[{', '.join(map(scalar_text, arguments))}]"


def _tag(variant: SketchVariant) -> str:
    name = variant.image.partition("@")[0].rpartition("/")[2]
    tag = name.partition(":")[2]
    return "" if name.startswith("sha256:") else tag


def _program(variant: SketchVariant) -> str:
    if variant.image:
        name = variant.image.partition("@")[0].rpartition("/")[2]
        return "" if name.startswith("sha256:") else name.partition(":")[0]
    return posixpath.basename(variant.command[0]) if variant.command else ""


def _differing(variants: Sequence[SketchVariant]) -> list[str]:
    """The program, and what of arguments and environment is not in all of them."""
    words = [[*_environment(each), *shown_words(each.command[1:])] for each in variants]
    common = set.intersection(*map(set, words))
    return [
        "-".join([_program(each), *(word for word in mine if word not in common)])[:_LONGEST_MADE]
        for each, mine in zip(variants, words, strict=True)
    ]


def _environment(variant: SketchVariant) -> Iterator[str]:
    """What may stand in a name: no secret."""
    for name, value in variant.env.items():
        if not is_secret_name(name):
            yield without_values(f"{name}={value}")


def _slug(text: str) -> str:
    """Text as a name of a file may be: a-z, 0-9 and '-'."""
    slug = re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")
    return slug[:_LONGEST_NAME].strip("-")
