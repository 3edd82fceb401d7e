"""The UIDs of the boards: what links and addresses name them by."""

OVERVIEW = "headstart-overview"
COMPARED = "headstart-compared"
