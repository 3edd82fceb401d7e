"""The result as it is, for programs; `findings/json.py` says how it is written and read."""

from headstart.collector.findings import RunResult
from headstart.collector.findings.json import to_json


def render_json(result: RunResult) -> str:
    """The whole result as JSON that people can read too."""
    return to_json(result, indent=1)


RENDER = render_json
