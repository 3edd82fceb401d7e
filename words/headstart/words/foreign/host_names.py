"""What a host may be called: the grammar that agents and the collector agree on.

A name becomes a label of metrics, a word in logs and reports, and a key of the store, so
that it is as plain as the names of DNS, with the underscores that hostnames often have.
"""

import re

LONGEST = 253
_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z])?", re.ASCII)

EXPECTED = (
    f"letters, digits, '.', '_' and '-', a letter or digit at both ends, at most {LONGEST} in all"
)


def is_host_name(text: str) -> bool:
    """Whether a host may be called so."""
    return len(text) <= LONGEST and _NAME.fullmatch(text) is not None
