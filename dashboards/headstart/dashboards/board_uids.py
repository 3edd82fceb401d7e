"""The UIDs of the boards: what links and addresses name them by."""

DECISIONS = "headstart-decisions"
VARIANTS = "headstart-variants"
RUN = "headstart-run"
HISTORY = "headstart-history"
BUILDS = "headstart-builds"
FLEET = "headstart-fleet"
COLLECTOR = "headstart-collector"
