"""What a container left of its tests: JUnit XML, read out of it within bounds once it has ended.

The container and what it wrote are untrusted. Links are not followed and nothing is extracted: the
engine hands on an archive, which is read as it comes.
"""

import tarfile
from collections.abc import Callable, Generator, Iterator

from headstart.agent.engine.engine import Engine
from headstart.agent.http.junit import MalformedReport, Report, ReportReader
from headstart.agent.image.tar_stream import Budget, ByteStream, Member, TarFault, members

# Of the archive as a whole: what else lies in the folder counts too.
_MOST_BYTES = 64 << 20
_MOST_MEMBERS = 10_000
_MOST_NAME_BYTES = 1 << 20
_MOST_SECONDS = 30.0


class NoResults(Exception):
    """There are none that can be read; the message says why, as a sentence's end."""


def read_results(
    engine: Engine, container: str, path: str, cancelled: Callable[[], bool]
) -> Report:
    """What the file, or each `.xml` in the folder, says; NoResults.

    RuntimeFault when the engine does not answer.
    """
    if not engine.holds(container, path):
        raise NoResults(f"it left no {path}")
    budget = Budget(
        maximum_bytes=_MOST_BYTES,
        maximum_members=_MOST_MEMBERS,
        maximum_name_bytes=_MOST_NAME_BYTES,
        maximum_seconds=_MOST_SECONDS,
        cancelled=cancelled,
    )
    pieces = engine.file(container, path)
    try:
        return _report_of(members(ByteStream(_counted(pieces, budget)), budget), path)
    except (TarFault, MalformedReport) as fault:
        raise NoResults(f"{path}: {fault}") from fault
    finally:
        # Ends the download, if it was not read to its end.
        pieces.close()


def _counted(pieces: Generator[bytes, None, None], budget: Budget) -> Iterator[bytes]:
    for piece in pieces:
        budget.spend(len(piece))
        yield piece


def _report_of(found: Iterator[Member], path: str) -> Report:
    reader, read = ReportReader(), 0
    kinds: set[bytes] = set()
    for number, member in enumerate(found):
        kinds.add(member.type)
        is_asked_for = number == 0
        if member.type != tarfile.REGTYPE:
            continue
        if is_asked_for or member.name.lower().endswith(".xml"):
            reader.read(member.name.rpartition("/")[2], member.content)
            read += 1
    if read:
        return reader.report()
    if kinds <= {tarfile.SYMTYPE, tarfile.LNKTYPE}:
        raise NoResults(f"{path} is a link, which is not followed")
    if tarfile.DIRTYPE not in kinds:
        raise NoResults(f"{path} is neither a file nor a folder")
    raise NoResults(f"no file in {path} is called *.xml")
