"""The context of one build, packed for the engine, or why it cannot be."""

from typing import IO

from headstart.agent.builds.context import pack_context
from headstart.agent.builds.context_sources import Context
from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.event_stream import OrderRefused
from headstart.agent.linux.paths import is_file, is_folder
from headstart.v1.experiment_pb2 import BUILDER_BUILDKIT, Builder


def pack(
    context: Context,
    dockerfile: str,
    into: IO[bytes],
    cancelled: Cancellation,
    builder: Builder.ValueType,
) -> None:
    """Write the archive that an engine builds from. OrderRefused, Cancelled."""
    folder = context.folder
    if not is_folder(folder):
        raise OrderRefused(f"this host has no folder {folder} to build in")
    if not is_file(folder / dockerfile):
        raise OrderRefused(f"there is no {dockerfile} in {context.name}")
    try:
        pack_context(
            folder,
            dockerfile,
            into,
            cancelled,
            builder == BUILDER_BUILDKIT,
            time_of_all=context.time_of_all,
        )
    except OSError as error:
        raise OrderRefused(f"the build context {context.name} can't be read: {error}") from error
