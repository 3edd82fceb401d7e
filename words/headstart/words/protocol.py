"""The version of what agents and collectors say to each other; both have to speak the same."""

PROTOCOL_VERSION = 1
