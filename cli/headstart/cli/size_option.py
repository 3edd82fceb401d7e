"""Sizes on the command line, written as in an experiment file: `512MiB`, `2GiB`."""

import click


def size_bytes(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> int | None:
    """An option's callback: the bytes of its text."""
    # Late: it brings the whole of what reads experiment files.
    from headstart.collector.experiments.file.units import Size

    if value is None:
        return None
    try:
        return int(Size("1MiB", "1000000GiB").parse(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
