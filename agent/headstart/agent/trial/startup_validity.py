"""Whether a start was measured well enough, as flags on its trial.

Every limit is an absolute one, below which nothing matters, or 2 % of the
startup, whichever is larger: half a millisecond spoils a start of 10 ms and is
nothing in one of 3 s.
"""

from headstart.agent.host.quiet import IDLE_SHARE, Quiet
from headstart.agent.probe.task import ProbeResult
from headstart.v1.experiment_pb2 import PageCache, Plan, Service
from headstart.v1.records_pb2 import Disturbance, ExecStamp, Flag, FlagEffect, Startup
from headstart.words.flags import FlagCode

SHARE_OF_STARTUP = 0.02
SERVER_RUN_DELAY_SECONDS = 0.0003
PROBER_RUN_DELAY_SECONDS = 0.002
PROBE_ERROR_SECONDS = 0.0005
EXEC_DISAGREEMENT_SECONDS = 0.0005
# Half of what a pipe of ours and an engine hold of a log, before the app has to wait.
LOG_BACKLOG_BYTES = 512 << 10

_NOTE = FlagEffect.FLAG_EFFECT_NOTE
_INVALID = FlagEffect.FLAG_EFFECT_STARTUP_INVALID


def flags(
    startup: Startup, result: ProbeResult, quiet: Quiet, service: Service, plan: Plan
) -> list[Flag]:
    """All flags of a start that ended with a correct response."""
    found = [
        _server_run_delay(startup, result),
        _probe_error(startup, result),
        _prober_run_delay(startup),
        _exec_stamps(startup, plan),
        _degraded(startup),
        _not_quiet(quiet),
        _retried(result),
        _unanswered(startup, result),
        _no_data_response(result, service),
        _log_backlog(result),
    ]
    return [flag for flag in found if flag is not None]


def disturbance(result: ProbeResult) -> Disturbance:
    """What of a start may not have been the app's, as the record tells it."""
    found = Disturbance(
        probe_error_seconds=max(result.error_ns, 0) / 1e9,
        unanswered_seconds=max(result.unanswered_ns, 0) / 1e9,
    )
    spent = result.spent
    if spent is None:
        return found
    if spent.waited_ns is not None:
        found.waited_seconds = spent.waited_ns / 1e9
    found.cpus = spent.cpus
    # Until its clocks were read it may have gone on with all of its CPUs.
    late_ns = spent.cpus * max(spent.cpu_read_ns - result.first_correct_response_ns, 0)
    found.cpu_seconds = max((spent.cpu_ns or 0) - late_ns, 0) / 1e9 if spent.cpus else 0.0
    return found


def t0_ns(startup: Startup) -> int:
    """Where the startup time begins, by the best stamp there is."""
    match startup.exec_stamp:
        case ExecStamp.EXEC_STAMP_GATE:
            return startup.exec_monotonic_ns
        case ExecStamp.EXEC_STAMP_PROC_CONNECTOR:
            return startup.exec_kernel_monotonic_ns
        case _:
            return startup.start_call_monotonic_ns


def startup_seconds(startup: Startup) -> float:
    """The headline: from the exec to the first correct response."""
    return (startup.first_correct_response_monotonic_ns - t0_ns(startup)) / 1e9


def _limit(startup: Startup, absolute_seconds: float) -> float:
    return max(absolute_seconds, SHARE_OF_STARTUP * startup_seconds(startup))


def _server_run_delay(startup: Startup, result: ProbeResult) -> Flag | None:
    """Threads also wait behind each other, so others' CPU time is the upper bound."""
    if result.spent is None or result.spent.run_delay_ns is None:
        return None
    lost_seconds = min(result.spent.run_delay_ns, result.spent.foreign_cpu_ns) / 1e9
    limit = _limit(startup, SERVER_RUN_DELAY_SECONDS)
    if lost_seconds <= limit:
        return None
    return Flag(
        code=FlagCode.SERVER_RUN_DELAY,
        effect=_INVALID,
        text=f"other processes may have kept the app waiting for {_ms(lost_seconds)} ms",
        value=lost_seconds,
        limit=limit,
    )


def _probe_error(startup: Startup, result: ProbeResult) -> Flag | None:
    """How much later than the truth the stamps can be, by the prober's own account."""
    value = result.error_ns / 1e9
    limit = _limit(startup, PROBE_ERROR_SECONDS)
    if value <= limit:
        return None
    return Flag(
        code=FlagCode.PROBE_ERROR,
        effect=_INVALID,
        text=f"the prober did not look or ask for {_ms(value)} ms when it counted",
        value=value,
        limit=limit,
    )


def _prober_run_delay(startup: Startup) -> Flag | None:
    """Noted only: a wait at the wrong moment is a probe error, at another it does no harm."""
    value = startup.prober_run_delay_seconds
    if value <= PROBER_RUN_DELAY_SECONDS:
        return None
    return Flag(
        code=FlagCode.PROBER_RUN_DELAY,
        effect=_NOTE,
        text=f"the prober waited {_ms(value)} ms for a CPU",
        value=value,
        limit=PROBER_RUN_DELAY_SECONDS,
    )


def _exec_stamps(startup: Startup, plan: Plan) -> Flag | None:
    """The kernel's stamp is at the end of execve, so it is the later one, by 0.1 ms or so."""
    if not (startup.exec_monotonic_ns and startup.exec_kernel_monotonic_ns):
        return None
    apart = (startup.exec_kernel_monotonic_ns - startup.exec_monotonic_ns) / 1e9
    if 0 <= apart <= EXEC_DISAGREEMENT_SECONDS:
        return None
    # From a cold page cache execve itself waits for the disk, which is startup.
    known = plan.page_cache == PageCache.PAGE_CACHE_COLD
    harmless = 0 <= apart <= _limit(startup, EXEC_DISAGREEMENT_SECONDS) or (known and apart > 0)
    return Flag(
        code=FlagCode.EXEC_STAMPS_DISAGREE,
        effect=_NOTE if harmless else _INVALID,
        text=f"the kernel saw the exec {_ms(apart)} ms after the gate did",
        value=apart,
        limit=EXEC_DISAGREEMENT_SECONDS,
    )


def _degraded(startup: Startup) -> Flag | None:
    if startup.exec_stamp != ExecStamp.EXEC_STAMP_DEGRADED:
        return None
    value = (startup.gate_opened_monotonic_ns - startup.start_call_monotonic_ns) / 1e9
    return Flag(
        code=FlagCode.EXEC_STAMP_DEGRADED,
        effect=_NOTE,
        text="no stamp of the exec: startup counts from the start call and includes the engine",
        value=max(value, 0.0),
    )


def _not_quiet(quiet: Quiet) -> Flag | None:
    if quiet.reached or quiet.idle_share < 0:
        return None
    return Flag(
        code=FlagCode.NOT_QUIET,
        effect=_NOTE,
        text=f"the host was {quiet.idle_share:.0%} idle after waiting {quiet.waited_seconds:.1f} s",
        value=quiet.idle_share,
        limit=IDLE_SHARE,
    )


def _retried(result: ProbeResult) -> Flag | None:
    if not result.retry_pause_ns:
        return None
    value = result.retry_pause_ns / 1e9
    return Flag(
        code=FlagCode.ASKED_AGAIN,
        effect=_NOTE,
        text=f"{result.incorrect_responses} answers were not correct before the first that was;"
        f" it may have been ready up to {_ms(value)} ms before it was asked again",
        value=value,
    )


def _unanswered(startup: Startup, result: ProbeResult) -> Flag | None:
    """How long a client waits until it asks again is the prober's choice, not the app's."""
    if result.asked_meanwhile:
        return Flag(
            code=FlagCode.ASKED_MEANWHILE,
            effect=_NOTE,
            text="it was asked again beside a request that it then answered, which is more work",
        )
    value = max(result.unanswered_ns, 0) / 1e9
    if not value:
        return None
    limit = _limit(startup, PROBE_ERROR_SECONDS)
    return Flag(
        code=FlagCode.REQUEST_UNANSWERED,
        effect=_INVALID if value > limit else _NOTE,
        text="the app accepted a request and did not answer it; what it answered was asked on"
        f" another connection {_ms(value)} ms later",
        value=value,
        limit=limit,
    )


def _no_data_response(result: ProbeResult, service: Service) -> Flag | None:
    if not service.first_data.HasField("http") or result.first_data_response_ns:
        return None
    return Flag(
        code=FlagCode.NO_DATA_RESPONSE,
        effect=_NOTE,
        text=f"no correct answer to the first data request: {result.wrong}",
    )


def _log_backlog(result: ProbeResult) -> Flag | None:
    """How fast a log is read is the agent's and the engine's, not the app's."""
    value = result.log_backlog_bytes
    if value < LOG_BACKLOG_BYTES:
        return None
    return Flag(
        code=FlagCode.LOG_BACKLOG,
        effect=_INVALID,
        text=f"{value >> 10} KiB of its log had not been read before it was ready: it may have"
        " waited for its reader",
        value=float(value),
        limit=float(LOG_BACKLOG_BYTES),
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f}"
