"""`python -m headstart.dashboards [FOLDER [RUNBOOKS]]`: writes dashboards and alert rules.

FOLDER is dashboards/generated unless given; RUNBOOKS the URL of one's own copy of the runbooks.
"""

import sys
from pathlib import Path

from headstart.dashboards.generate import write
from headstart.dashboards.rules import RUNBOOKS

_given = dict(enumerate(sys.argv))
for _path in write(Path(_given.get(1, "dashboards/generated")), _given.get(2, RUNBOOKS)):
    print(_path)  # noqa: T201  # a path of our own
