"""What is submitted, and what became of each submission, as the one who submits sees it."""

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import grpc
import yaml

from headstart.v1.experiments_pb2 import ListRequest, RunState, SubmitRequest
from support.chaos.hosts import Host
from support.chaos.operators import Operator, is_passing

OPEN = (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED)
CONNECTIONS = 2
BLOCKS = 1
VARIANTS = ("a", "b")
CALL_SECONDS = 10.0
_SERVER = Path(__file__).parent.parent / "counting_server.py"
_OPEN_FOR_EACH_HOST = 2
_LOOK_SECONDS = 0.3
_CUT_SHARE = 0.1
# From the start of `headstart submit`: its call is within.
_CUT_SECONDS = (0.2, 1.2)


class Submitter:
    """Keeps each host busy; every submission is an experiment of its own."""

    def __init__(
        self,
        hosts: Sequence[Host],
        operator: Operator,
        folder: Path,
        rng: random.Random,
        done: Counter[str],
    ) -> None:
        self._hosts = hosts
        self._operator = operator
        self._random = rng
        self._done = done
        self._count = 0
        self._file = folder / "cut.yaml"
        self.records = folder / "records"
        self.records.mkdir()
        # Experiment -> when its call was answered with a run, Unix seconds.
        self.accepted: dict[str, float] = {}
        # Experiments whose call was cut or failed: it may have come through.
        self.undetermined: set[str] = set()

    def keep_busy(self, stop: threading.Event) -> None:
        """Submit until `stop`."""
        while not stop.wait(_LOOK_SECONDS):
            waiting = self._open()
            for host in self._hosts:
                if waiting is not None and waiting[host.name] < _OPEN_FOR_EACH_HOST:
                    is_cut = self._random.random() < _CUT_SHARE
                    (self.cut_submit if is_cut else self.submit)(host)

    def submit(self, host: Host) -> bool:
        """One run; whether it was accepted."""
        name, text = self._experiment(host)
        self.undetermined.add(name)
        try:
            with self._operator.experiments() as stub:
                request = SubmitRequest(source_text=text, base_directory="/")
                stub.Submit(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            if not is_passing(error):
                raise
            self._done["submissions that failed"] += 1
            return False
        self.undetermined.discard(name)
        self.accepted[name] = time.time()
        return True

    def cut_submit(self, host: Host) -> None:
        """The command is killed in the middle of its call."""
        name, text = self._experiment(host)
        self.undetermined.add(name)
        self._file.write_text(text)
        command = self._operator.command("submit", self._file)
        time.sleep(self._random.uniform(*_CUT_SECONDS))
        command.kill()
        command.wait()
        self._done["cut_submit"] += 1

    def _open(self) -> Counter[str] | None:
        """Runs that have not ended, by host; None: nobody says so now."""
        try:
            with self._operator.experiments() as stub:
                request = ListRequest(states=OPEN, limit=1000)
                runs = stub.List(request, timeout=CALL_SECONDS).runs
        except grpc.RpcError as error:
            if not is_passing(error):
                raise
            return None
        return Counter(run.host for run in runs)

    def _experiment(self, host: Host) -> tuple[str, str]:
        self._count += 1
        name = f"chaos-{self._count}"
        app = [sys.executable, "-E", str(_SERVER), str(host.app_port), str(self.records)]
        content = {
            "experiment": name,
            "baseline": VARIANTS[0],
            "variants": {variant: {"command": app} for variant in VARIANTS},
            "service": {"port": host.app_port, "ready": "GET /health"},
            "load": {
                "request": "GET /load",
                "connections": CONNECTIONS,
                "duration": "1s",
                "window": "100ms",
                "driver": "builtin",
            },
            "plan": {"blocks": BLOCKS, "idle": "50ms", "settle": "50ms", "quiet": "0s"},
            "hosts": {"labels": {"host": host.name}},
        }
        return name, yaml.safe_dump(content)
