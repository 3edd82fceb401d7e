"""What containers of an agent are lent of its host: folders and files that the policy names."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from headstart.agent.engine.engine import Engine
from headstart.agent.instances import RuntimeFault
from headstart.agent.policy.host_paths import LentPath, NotAllowed, NotThere, lend
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.needs_checks import Problem
from headstart.v1.experiment_pb2 import ContainerNeeds
from headstart.v1.records_pb2 import FailureCode


class Lender:
    """Looks anew each time: where a path led when the run began, it need not lead now."""

    def __init__(self, state: Path, engine: Engine) -> None:
        self._state = state
        self._engine = engine
        self._kept_back: list[Path] = []

    def look(self, needs: ContainerNeeds, policy: Policy) -> tuple[list[LentPath], list[Problem]]:
        """What is bound, and why a path is not. RuntimeFault when the engine does not answer."""
        lent: list[LentPath] = []
        problems: list[Problem] = []
        kept_back = [*self.kept_back(), *policy.kept_back] if needs.host_paths else []
        for path in needs.host_paths:
            try:
                lent.append(lend(path.host, path.at, path.writable, policy.host_paths, kept_back))
            except NotAllowed as refusal:
                code = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
                problems.append(("volumes", str(refusal), code))
            except NotThere as lack:
                problems.append(("volumes", str(lack), FailureCode.FAILURE_CODE_AGENT))
        return lent, problems

    def lend(self, needs: ContainerNeeds, policy: Policy) -> tuple[LentPath, ...]:
        """What is bound; RuntimeFault where a path is not to be, or is not there."""
        lent, problems = self.look(needs, policy)
        for _, words, code in problems:
            raise RuntimeFault(code, words)
        return tuple(lent)

    def kept_back(self) -> list[Path]:
        """The agent's own state, and by what the engine could be ruled."""
        if not self._kept_back:
            self._kept_back = [self._state, *self._engine.places()]
        return self._kept_back


def remarks(lent: Iterable[LentPath]) -> Iterator[str]:
    """What whoever runs a file that others wrote may not expect."""
    for each in lent:
        if str(each.source) != each.stated:
            yield f"{each.stated} leads to {each.source} of this host, which its container is lent"
        if not each.read_only:
            yield (
                f"what it writes to {each.target} stays in {each.source} of this host, and the"
                " next trial finds it there"
            )
