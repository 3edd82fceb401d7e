"""The number of the form in which results are written as JSON.

Within one number fields and words are only added. It is the first key of every object that
is written: reports and all that `--json` prints. docs/REPORT.md.
"""

SCHEMA = 2
