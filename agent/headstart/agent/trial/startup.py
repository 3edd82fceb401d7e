"""Measures one start: the chain of stamps from the engine's create to the first correct response.

docs/METHODOLOGY.md, section Startup, says what each stamp is and how wrong it can be.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from headstart.agent.deadline import Deadline
from headstart.agent.host.quiet import Quiet, wait_until_quiet
from headstart.agent.instances import ExitFacts
from headstart.agent.linux.affinity import avoid_cpus
from headstart.agent.linux.proc_connector import ProcConnector
from headstart.agent.probe.log_probe import LogProbe
from headstart.agent.probe.prober import PortInUse, Prober, ProberDied
from headstart.agent.probe.task import ProbeResult
from headstart.agent.runtimes.ports import Listener, listeners
from headstart.agent.runtimes.runtime import Instance
from headstart.agent.trial import startup_failures, startup_validity
from headstart.v1.experiment_pb2 import Network, Plan, Service
from headstart.v1.records_pb2 import ExecStamp, Failure, Flag, Startup
from headstart.words.readiness import Kind, kind_of_service, steps_of

DEFAULT_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.02
# The prober keeps the time itself; this is for one that hangs, or was stopped. A trial
# ends within its timeout and a second, the time in which a prober is cancelled included.
_GRACE_SECONDS = 0.7
# The event of the exec is there long before the first response.
_EVENT_SECONDS = 0.1


@dataclass
class StartupOutcome:
    """`failure` set: the app did not become ready; `startup` holds the stamps until then."""

    startup: Startup
    flags: list[Flag] = field(default_factory=list)
    failure: Failure | None = None
    # Of the app's first correct response.
    has_reason_phrases: bool = True


def measure_startup(
    instance: Instance,
    prober: Prober,
    connector: ProcConnector | None,
    service: Service,
    plan: Plan,
    cancelled: Callable[[], bool],
    on_gate_opened: Callable[[int], None] = lambda _opened_ns: None,
) -> StartupOutcome:
    """Open the instance's gate on a quiet host and wait until it is ready.

    Waits no longer than the plan's quiet wait and the service's timeout, and
    ends early when the app does or the run is cancelled. A prober that dies or hangs is
    a failure of this start.
    """
    start = _Start(instance, prober, connector, service, plan, cancelled, on_gate_opened)
    try:
        with avoid_cpus(plan.server_cpus):
            return start.measure()
    except PortInUse as error:
        return StartupOutcome(start.startup, failure=startup_failures.port_in_use(error))
    except ProberDied as error:
        return StartupOutcome(
            start.startup, failure=startup_failures.unseen(error, instance.output_tail())
        )
    finally:
        start.probe.cancel()


def new_startup(instance: Instance) -> Startup:
    """The chain of stamps up to where the instance waits in its gate."""
    return Startup(
        create_monotonic_ns=instance.create_ns,
        start_call_monotonic_ns=instance.start_call_ns,
        engine_ready_monotonic_ns=instance.engine_ready_ns,
        idle_share=-1.0,
    )


def stamp_exec(startup: Startup, instance: Instance, connector: ProcConnector | None) -> None:
    """Fill in the stamps of an exec that is over, and which of them counts."""
    # The app can write where its gate did: what cannot be true is no stamp.
    stamp_ns = instance.exec_ns() or 0
    if startup.gate_opened_monotonic_ns <= stamp_ns <= time.monotonic_ns():
        startup.exec_monotonic_ns = stamp_ns
    if connector is not None:
        opened_ns = startup.gate_opened_monotonic_ns
        startup.exec_kernel_monotonic_ns = (
            connector.exec_ns(instance.pid, opened_ns, _EVENT_SECONDS) or 0
        )
    if startup.exec_monotonic_ns:
        startup.exec_stamp = ExecStamp.EXEC_STAMP_GATE
    elif startup.exec_kernel_monotonic_ns:
        startup.exec_stamp = ExecStamp.EXEC_STAMP_PROC_CONNECTOR
    else:
        startup.exec_stamp = ExecStamp.EXEC_STAMP_DEGRADED


class _Readiness(Protocol):
    """What finds the moment at which an app is ready: a prober, or what reads its log."""

    def go(self) -> None: ...

    def poll(self, timeout_seconds: float) -> ProbeResult | None: ...

    def last_look(self) -> ProbeResult | None: ...

    def cancel(self) -> None: ...


class _Start:
    def __init__(
        self,
        instance: Instance,
        prober: Prober,
        connector: ProcConnector | None,
        service: Service,
        plan: Plan,
        cancelled: Callable[[], bool],
        on_gate_opened: Callable[[int], None],
    ) -> None:
        self.instance = instance
        self.prober = prober
        self.connector = connector
        self.service = service
        self.plan = plan
        self.cancelled = cancelled
        self.on_gate_opened = on_gate_opened
        self.timeout_seconds = service.startup_timeout_seconds or DEFAULT_TIMEOUT_SECONDS
        self.startup = new_startup(instance)
        self.probe: _Readiness = prober

    def measure(self) -> StartupOutcome:
        kind = kind_of_service(self.service)
        what = "log" if kind is Kind.WORKER else "http"
        is_known = all(check.HasField(what) for _, check in steps_of(self.service))
        if kind is Kind.BATCH or not is_known:
            return StartupOutcome(self.startup, failure=startup_failures.not_a_service())
        self._arm_log() if kind is Kind.WORKER else self._arm()
        quiet = wait_until_quiet(self.plan.quiet_seconds, self.cancelled)
        self.startup.quiet_wait_seconds = quiet.waited_seconds
        self.startup.idle_share = quiet.idle_share
        if self.cancelled():
            return StartupOutcome(self.startup, failure=startup_failures.cancelled())
        self._open_gate()
        result, ended = self._wait()
        stamp_exec(self.startup, self.instance, self.connector)
        if result is not None:
            self._take(result)
        return self._outcome(quiet, result, ended)

    def _arm(self) -> None:
        first_data = self.service.first_data
        self.prober.arm(
            address=self.instance.address,
            port=self.service.port,
            ready=self.service.ready.http,
            before=[check.http for check in self.service.before_ready],
            first_data=first_data.http if first_data.HasField("http") else None,
            timeout_seconds=self.timeout_seconds,
            pid=self.instance.pid,
            cgroup=self.instance.cgroup,
            tls=self.service.tls,
            tls_verified=self.service.tls_verified,
            namespace=self.instance.namespace,
        )

    def _arm_log(self) -> None:
        patterns = [check.log.pattern for _, check in steps_of(self.service)]
        probe = self.probe = LogProbe(self.instance, patterns, self.timeout_seconds)
        probe.arm()

    def _open_gate(self) -> None:
        if self.connector is not None:
            self.connector.forget()
        self.probe.go()
        opened_ns = self.instance.open_gate()
        self.startup.gate_opened_monotonic_ns = opened_ns
        self.on_gate_opened(opened_ns)

    def _wait(self) -> tuple[ProbeResult | None, ExitFacts | None]:
        """The probe's result; without one how the app ended, or nothing: cancelled."""
        deadline = Deadline(self.timeout_seconds + _GRACE_SECONDS)
        while True:
            # Looked at before the probe is: what ended after its answer has answered.
            ended = self.instance.exited()
            result = self.probe.poll(_POLL_SECONDS)
            if result is None and ended is not None:
                result = self.probe.last_look()
            if result is not None or ended is not None or self.cancelled():
                return result, ended
            if deadline.passed():
                raise ProberDied("the prober does not say how the start went")

    def _take(self, result: ProbeResult) -> None:
        startup = self.startup
        startup.connected_monotonic_ns = result.connected_ns
        startup.last_refused_monotonic_ns = result.last_refused_ns
        startup.connect_attempts = result.connect_attempts
        startup.first_byte_monotonic_ns = result.first_byte_ns
        startup.first_correct_response_monotonic_ns = result.first_correct_response_ns
        for number, stamp_ns in enumerate(result.steps_ns, 1):
            setattr(startup, f"ready_step_{number}_monotonic_ns", stamp_ns)
        startup.first_data_response_monotonic_ns = result.first_data_response_ns
        startup.incorrect_responses = result.incorrect_responses
        startup.log_lines, startup.log_bytes = result.log_lines, result.log_bytes
        startup.prober_run_delay_seconds = result.prober_run_delay_ns / 1e9
        if result.spent is not None:
            startup.cpu_seconds = (result.spent.cpu_ns or 0) / 1e9
            startup.cpu_resolution_seconds = result.spent.cpu_resolution_ns / 1e9
            startup.server_run_delay_seconds = (result.spent.run_delay_ns or 0) / 1e9
        startup.disturbance.CopyFrom(startup_validity.disturbance(result))

    def _outcome(
        self, quiet: Quiet, result: ProbeResult | None, ended: ExitFacts | None
    ) -> StartupOutcome:
        outcome = StartupOutcome(self.startup)
        if result is not None and result.outcome == "ok":
            outcome.has_reason_phrases = result.has_reason_phrase
            outcome.flags = startup_validity.flags(
                self.startup, result, quiet, self.service, self.plan
            )
        elif ended is not None:
            outcome.failure = startup_failures.ended(
                ended, self._lived_seconds(), self.service, self.instance.output_tail()
            )
        elif result is not None and self.service.ready.HasField("log"):
            outcome.failure = startup_failures.no_line(
                result, self.timeout_seconds, self.service, self.instance.output_tail()
            )
        elif result is not None and result.outcome == "timeout":
            outcome.failure = startup_failures.not_ready(
                result,
                self.timeout_seconds,
                self.service,
                self.instance.output_tail(),
                self.instance.address,
                self._listeners(),
            )
        else:
            outcome.failure = startup_failures.cancelled()
        return outcome

    def _listeners(self) -> list[Listener]:
        """Where the app listens instead; in the host's network others do too."""
        alone = self.instance.network != Network.NETWORK_HOST
        return listeners(self.instance.pids(), alone)

    def _lived_seconds(self) -> float:
        return (time.monotonic_ns() - startup_validity.t0_ns(self.startup)) / 1e9
