"""What happens to two collectors on one database, to the database, and to the way between them."""

import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.chaos.collector_faults import SetBack
from support.chaos.links import Link
from support.collector_process import CollectorProcess
from support.postgres_server import PostgresServer

# Shorter than what makes another take over, and longer.
_SHORT, _LONG = (0.3, 4.0), (9.0, 14.0)


@dataclass
class PairMember:
    """One of them, and its way to the database."""

    collector: CollectorProcess
    database: Link


class PairFaults:
    """One at a time, to whichever of the two; nothing is ever set back."""

    def __init__(
        self,
        members: Sequence[PairMember],
        server: PostgresServer,
        log: Path,
        rng: random.Random,
    ) -> None:
        self._members = members
        self._server = server
        self._log = log
        self._random = rng
        self.set_back: list[SetBack] = []

    def all(self) -> "list[Callable[[], None]]":
        """What may happen; what is there twice does more often."""
        return [
            self.kill_collector,
            self.kill_collector,
            self.terminate_collector,
            self.freeze_collector,
            self.freeze_collector,
            self.cut_database,
            self.hold_database,
            self.end_sessions,
            self.restart_database,
        ]

    def tend(self) -> None:
        """Before the next one. Neither ends by itself."""
        for member in self._members:
            ended = member.collector.process.poll()
            assert ended is None, f"a collector ended by itself with {ended}: see {self._log}"

    def heal(self) -> None:
        """End whatever goes on."""
        for member in self._members:
            member.database.mend()
            member.collector.process.send_signal(signal.SIGCONT)

    def kill_collector(self) -> None:
        """And start it again after a while, as its unit would."""
        self._end(signal.SIGKILL)

    def terminate_collector(self) -> None:
        self._end(signal.SIGTERM)

    def freeze_collector(self) -> None:
        process = self._any().collector.process
        process.send_signal(signal.SIGSTOP)
        self._pass()
        process.send_signal(signal.SIGCONT)

    def cut_database(self) -> None:
        """Its connections are reset, as each new one."""
        link = self._any().database
        link.cut()
        self._pass()
        link.mend()

    def hold_database(self) -> None:
        """What is under way arrives later, perhaps after another took over."""
        link = self._any().database
        link.hold(there=self._random.random() < 0.5, back=self._random.random() < 0.8)
        self._pass()
        link.mend()

    def end_sessions(self) -> None:
        """All of them, in the middle of whatever they do."""
        self._server.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def restart_database(self) -> None:
        """As after a crash, or as an upgrade does."""
        self._server.stop(self._random.choice((signal.SIGQUIT, signal.SIGINT)))
        time.sleep(self._random.uniform(*_SHORT))
        self._server.start()

    def _end(self, number: int) -> None:
        collector = self._any().collector
        collector.end(number)
        self._pass()
        collector.start()

    def _any(self) -> PairMember:
        return self._random.choice(self._members)

    def _pass(self) -> None:
        time.sleep(self._random.uniform(*(_SHORT if self._random.random() < 0.5 else _LONG)))
