"""Alerts about hosts: their agents, and whether what they measure can be believed."""

from headstart.dashboards.alerts.alert import About, Alert, recent_run
from headstart.dashboards.board_uids import FLEET
from headstart.dashboards.configuration import Configuration

_OF_HOST = "on (store, host)"


def fleet(configuration: Configuration) -> tuple[Alert, ...]:
    """Hosts that are away, take nothing, deliver nothing or measure wrongly."""
    limits = configuration.thresholds
    return (
        Alert(
            "HeadstartAgentLost",
            "warning",
            About.HOST,
            f"headstart_host_up == 0 and {_OF_HOST} "
            "(time() - headstart_host_last_seen_timestamp_seconds "
            f"< {limits.agent_forgotten_after.seconds}) "
            # One that moved to another collector is not away.
            "unless on (host) headstart_host_up == 1 "
            f'unless {_OF_HOST} headstart_host_takes_no_run{{reason="drained"}} == 1',
            limits.agent_lost_for,
            "The agent of {{ $labels.host }} is away",
            "It has no stream to the collector. What it measures meanwhile is spooled on its disk; "
            "runs that are queued for it wait.",
            FLEET,
            ("host",),
        ),
        Alert(
            "HeadstartHostNotReady",
            "warning",
            About.HOST,
            "headstart_host_up == 1 and headstart_host_ready == 0",
            limits.not_ready_for,
            "{{ $labels.host }} takes no runs",
            "Its agent is connected and takes no runs, as when its disk is full: what is queued "
            "for it waits. headstart host show {{ $labels.host }} says why.",
            FLEET,
            ("host",),
        ),
        Alert(
            "HeadstartHostTwin",
            "warning",
            About.HOST,
            "headstart_host_twin == 1",
            limits.twin_for,
            "Two agents ask to attend as {{ $labels.host }}",
            "One attends, the other is refused again and again and measures nothing, as after a "
            "machine was cloned. The collector's log says from where it comes.",
            FLEET,
            ("host",),
        ),
        Alert(
            "HeadstartSpoolGrowing",
            "warning",
            About.HOST,
            f"headstart_host_spool_bytes > {limits.spool_bytes} "
            f"and deriv(headstart_host_spool_bytes[{limits.spool_grows_within}]) > 0 "
            f"and {_OF_HOST} headstart_host_up == 1",
            limits.spool_for,
            "The spool of {{ $labels.host }} grows",
            "{{ $value | humanize1024 }}B are not confirmed although the agent is connected. When "
            "the spool is full, samples are dropped, with a record of the gap.",
            FLEET,
            ("host",),
        ),
        # A host that sees differences where there are none; its A/A runs end in .aa.
        Alert(
            "HeadstartHostUnfit",
            "warning",
            About.HOST,
            f"headstart_host_fit == 0 {recent_run(configuration)}",
            configuration.scrape.twice,
            "{{ $labels.host }} finds differences where there are none",
            "The A/A run {{ $labels.experiment }} compared a variant with itself and called it "
            "different: verdicts from this host are doubtful.",
            FLEET,
            ("host",),
        ),
    )
