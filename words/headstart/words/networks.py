"""What the networks of a container are called in experiment files, policies and messages."""

# The word and the name of its value in `headstart.v1.Network`, the safest one first.
NETWORKS = {"own": "NETWORK_OWN", "bridge": "NETWORK_HOLDER", "host": "NETWORK_HOST"}
