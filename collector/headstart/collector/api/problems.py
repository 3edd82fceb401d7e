"""Mistakes of a submitted file as the end of a call."""

from collections.abc import Sequence

import grpc

from headstart.collector.api.status_codes import Status
from headstart.v1.experiments_pb2 import Problem, SubmitProblems

# Grow by a third in the trailing metadata, of which a client takes 8 KiB.
_LARGEST_BYTES = 4000


def serialised(problems: Sequence[Problem]) -> bytes:
    """As many problems as fit, and how many more there are."""
    fitting = SubmitProblems()
    for index, problem in enumerate(problems):
        fitting.problems.append(problem)
        if fitting.ByteSize() > _LARGEST_BYTES:
            del fitting.problems[-1]
            fitting.problems.add(message=f"and {len(problems) - index} more")
            break
    return fitting.SerializeToString()


def mistaken(message: str, problems: Sequence[Problem]) -> Status:
    """The status of a submission with these mistakes."""
    return Status(grpc.StatusCode.INVALID_ARGUMENT, message, serialised(problems))
