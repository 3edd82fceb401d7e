"""How a collector that stands by tells a program so, beside the words for a person."""

# Key of the trailing metadata of UNAVAILABLE: this collector does not take the call, another of
# the same store does. Its value is where that one says it is reached; "unknown": it did not say.
STANDING_BY_KEY = "headstart-standing-by"
UNKNOWN = "unknown"
# The service whose health says whether a collector is the active one of its store.
ACTIVE_SERVICE = "headstart.v1.FleetService"
