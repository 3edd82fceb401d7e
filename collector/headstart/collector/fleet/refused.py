"""Why a stream is closed, in words for the operator of the agent."""

import grpc

from headstart.collector.own_metrics import Refusal


class Refused(Exception):
    """Ends a stream with a status; `reason` is what it is counted under, if at all.

    FAILED_PRECONDITION and PERMISSION_DENIED tell an agent that trying again changes
    nothing; after any other status it reconnects and resumes behind the last ack.
    """

    def __init__(self, code: grpc.StatusCode, message: str, reason: Refusal | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
