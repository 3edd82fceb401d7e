"""What a case of an alert is, and series that many have.

The notation of `values` is promtool's: 2x5 is a two and five more, 0+3x5 counts up by
threes, _ is a scrape without the series. Time begins at zero, so a run that "ended at 0"
ended when the series begin. Each alert but one outlives its series by some minutes, and
while its collector is down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

RUN = 'store="s1",experiment="players-api",host="alpha"'
AOT = f'{RUN},variant="aot"'
STORE = {"store": "s1"}
WHERE = {**STORE, "experiment": "players-api", "host": "alpha"}
AOT_ON_ALPHA = {**WHERE, "variant": "aot"}
ON_ALPHA = 'store="s1",host="alpha"'
COLLECTOR = {"job": "headstart", "instance": "c:9464", "store": "s1"}
OF_COLLECTOR = 'job="headstart",instance="c:9464",store="s1"'

ENDED = f"headstart_run_end_timestamp_seconds{{{RUN}}}"
INFO = f'headstart_collector_info{{{OF_COLLECTOR},version="0.1.0"}}'
# The run that alerts about results name.
OF_RUN = {f'headstart_run_info{{{RUN},run_id="r9",revision="3f2c1ab",state="done"}}': "1x200"}
REPORT = " Run r9, revision 3f2c1ab: headstart report r9."
# In seconds. A time before the series begin is negative.
DAY = 86_400


def of_collector(name: str, label: str, value: str) -> str:
    """A series of the collector's own."""
    return f'{name}{{{OF_COLLECTOR},{label}="{value}"}}'


@dataclass(frozen=True)
class Case:
    """Series, and what is expected of one alert at one time; no `says`: it stays quiet."""

    alert: str
    why: str
    series: Mapping[str, str]
    at: str
    labels: Mapping[str, str] = field(default_factory=dict)
    # Summary and description.
    says: tuple[str, str] | None = None
