"""What keeps an experiment from being measured on a host, and where in its file that stands."""

from dataclasses import dataclass

from headstart.v1.records_pb2 import Failure, FailureCode

# Keys and indices of the experiment file, from the outermost on.
FilePath = tuple[str | int, ...]


@dataclass(frozen=True)
class Obstacle:
    """`variant` empty: it concerns all of them."""

    path: FilePath
    message: str
    code: FailureCode.ValueType
    variant: str = ""
    # False: it can be measured nevertheless, but not as the file says.
    blocks: bool = True
    # True: no other variant is measured either, whatever the plan says.
    forbids: bool = False

    def failure(self) -> Failure:
        """The same as a record bears it."""
        return Failure(code=self.code, message=self.message)
