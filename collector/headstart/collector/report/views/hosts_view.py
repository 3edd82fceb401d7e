"""What is said of several hosts, the same in every format."""

import math

from headstart.collector.analysis.across.pooled import (
    HostRatio,
    PooledMetric,
    agreement,
    enumerated,
    only_of,
)
from headstart.collector.analysis.across.several_hosts import AcrossHosts
from headstart.collector.findings import Verdict
from headstart.collector.findings.quantities import per_cent
from headstart.collector.report.sentences.text import line
from headstart.collector.report.sentences.wording import between, ratio_cell
from headstart.collector.report.views.view import NOTHING
from headstart.words.metrics import METRICS

# Below this share hosts are not said to vary: it is no more than how figures are rounded.
_LEAST_VARIATION = 0.0005


def title(found: AcrossHosts) -> str:
    """The experiment, and on how many hosts."""
    hosts = "1 host" if len(found.runs) == 1 else f"{len(found.runs)} hosts"
    return f"{line(found.experiment)} on {hosts}"


def note(found: AcrossHosts) -> str:
    """What the columns are, once for all of them."""
    words = f"Ratio: variant / {line(found.baseline)}, with the 95 % interval."
    if len(found.runs) == 1:
        return f"{words} A single host says nothing of others."
    words += " Mean: of the ratios over hosts like these, each taken as one draw from them"
    if len(found.runs) == 2:
        return (
            f"{words}; of two hosts it is known to 12.7 standard errors only (Student's t with "
            "one degree of freedom), so look at each of them."
        )
    return f"{words}. Another host: where its ratio would lie."


def findings(found: AcrossHosts, variant: str) -> list[tuple[Verdict, str]]:
    """Is it better everywhere, and by how much: a sentence for each metric that decides.

    So for every other metric in which hosts contradict each other.
    """
    return [
        (each.verdict, f"{METRICS[each.metric].title}: {sentence(each)}")
        for each in found.of(variant)
        if METRICS[each.metric].headline or each.contradictory or each.clashes
    ]


def sentence(found: PooledMetric) -> str:
    """What the hosts say of a metric, each for itself and together."""
    used = [host for host in found.hosts if not host.reason]
    if found.contradictory or not used or found.verdict is Verdict.UNAVAILABLE:
        parts = [found.reason]
    elif len(used) == 1:
        parts = [f"{agreement(used)}, ratio {cell(found)}", found.reason]
    else:
        shared = "the same ratio" if METRICS[found.metric].exact else "mean ratio"
        mean = f", {shared} {cell(found)}" if found.ratio is not None else ""
        # Its grounds may begin with what the hosts say, as this does.
        why = found.reason.replace(f"it depends on the host: {agreement(used)}", "")
        why = why.removeprefix(f"{agreement(used)}, ")
        parts = [f"{agreement(used)}{mean}", variation(found), why.removeprefix("; ")]
    return line(f"{'; '.join(filter(None, (*parts, *_clashes(found))))}.")


def variation(found: PooledMetric) -> str:
    """How much hosts differ, in words; empty where nothing can be said."""
    if found.tau is None:
        return ""
    spread = math.expm1(found.tau)
    if spread < _LEAST_VARIATION:
        return "the hosts differ by no more than chance"
    return f"hosts vary by about {per_cent(spread)} %"


def reason(found: PooledMetric) -> str:
    """What a table says beside the verdict."""
    if len(found.hosts) == 1 and found.reason == only_of(found.hosts[0].host):
        return ""
    return line("; ".join(filter(None, (found.reason, *_clashes(found)))))


def cell(found: PooledMetric | HostRatio) -> str:
    """Ratio and interval."""
    return ratio_cell(found.ratio, found.interval, NOTHING)


def predicted(found: PooledMetric) -> str:
    """Where another host's ratio would lie."""
    return NOTHING if found.predicted is None else between(found.predicted)


def _clashes(found: PooledMetric) -> list[str]:
    return [f"{enumerated(pair)} exclude each other on one hardware" for pair in found.clashes]
