"""`python -m headstart.dashboards [FOLDER]`: dashboards and alert rules."""

import sys
from pathlib import Path

from headstart.dashboards.generate import write

_given = dict(enumerate(sys.argv))
for _path in write(Path(_given.get(1, "dashboards/generated"))):
    print(_path)  # noqa: T201  # a path of our own
