"""The table of targets; importing it imports every parser."""

from fuzz.target import Target
from fuzz.targets import (
    build,
    counters,
    dashboards,
    engine,
    experiment,
    identity,
    image,
    kernel,
    load,
    records,
    words,
)

_MODULES = (
    load, counters, image, build, engine, kernel, experiment, records, words, identity, dashboards,
)  # fmt: skip

TARGETS: dict[str, Target] = {
    target.name: target for module in _MODULES for target in module.TABLE.targets
}
