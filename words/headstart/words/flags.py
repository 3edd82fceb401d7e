"""The codes of what may be wrong with a trial's figures.

Agents flag trials with them, reports count and exports list them; what each means, and what it
makes of the figures, is in docs/METHODOLOGY.md.
"""

from enum import StrEnum


class FlagCode(StrEnum):
    """`Flag.code`. A collector takes any text: a newer agent may know more."""

    # Start.
    SERVER_RUN_DELAY = "server-run-delay"
    PROBE_ERROR = "probe-error"
    PROBER_RUN_DELAY = "prober-run-delay"
    EXEC_STAMPS_DISAGREE = "exec-stamps-disagree"
    EXEC_STAMP_DEGRADED = "exec-stamp-degraded"
    NOT_QUIET = "not-quiet"
    ASKED_AGAIN = "asked-again"
    ASKED_MEANWHILE = "asked-meanwhile"
    REQUEST_UNANSWERED = "request-unanswered"
    NO_DATA_RESPONSE = "no-data-response"
    LOG_BACKLOG = "log-backlog"
    # Load.
    GENERATOR_SATURATED = "generator-saturated"
    GENERATOR_STARVED = "generator-starved"
    GENERATOR_JITTER = "generator-jitter"
    GENERATOR_PAUSED = "generator-paused"
    LOAD_SHARES_CPUS = "load-shares-cpus"
    INCORRECT_RESPONSES = "incorrect-responses"
    FEW_BODIES_CHECKED = "few-bodies-checked"
    FAILED_REQUESTS = "failed-requests"
    SUM_MISMATCH = "sum-mismatch"
    LITTLES_LAW = "littles-law"
    LITTLES_LAW_WINDOWS = "littles-law-windows"
    SEND_LATENESS = "send-lateness"
    RATE_NOT_HELD = "rate-not-held"
    # Jobs.
    EXIT_STAMPS_DISAGREE = "exit-stamps-disagree"
    SHORT_OUTPUT_VARIES = "short-output-varies"
    LONG_OUTPUT_VARIES = "long-output-varies"
    # The agent.
    AGENT_STOOD_STILL = "agent-stood-still"
    # The instance.
    PLAN_NOT_APPLIED = "plan-not-applied"
    PAGE_CACHE_NOT_DROPPED = "page-cache-not-dropped"
    NETWORK_NOT_ENTERED = "network-not-entered"
    PROCESSES_KILLED = "processes-killed"
    PROCESSES_NOT_READ = "processes-not-read"
