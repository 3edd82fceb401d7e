"""How a collector says that it answered, where it cannot do now what it was asked."""

# Key of the trailing metadata of UNAVAILABLE and DATA_LOSS: the collector is reached, and its store
# is at fault; at DATA_LOSS it is damaged, and nobody is to wait for it. gRPC has UNAVAILABLE for a
# way that is cut, too.
ANSWERED_KEY = "headstart-answered"
STORE = "store"
