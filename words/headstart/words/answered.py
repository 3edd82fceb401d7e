"""How a collector says that it answered, where it cannot do now what it was asked."""

# Key of the trailing metadata of UNAVAILABLE: the collector is reached, and its store is at fault.
# gRPC has the same status for a way that is cut.
ANSWERED_KEY = "headstart-answered"
STORE = "store"
