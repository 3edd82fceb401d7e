"""From the records of a run to one value for each trial and metric."""

__all__ = [
    "columns",
    "ended_trial",
    "figures",
    "load",
    "loads",
    "memory_phases",
    "ramp",
    "runtime_counters",
    "samples",
    "start_chain",
    "takes",
    "trial_records",
    "validity",
]
