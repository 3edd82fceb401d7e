"""How a collector tells a program, beside the words for a person, why it refused a call."""

# Key of the trailing metadata of PERMISSION_DENIED; its value is one of `Denial`.
DENIED_KEY = "headstart-denied"
# Those on which an agent acts: its certificate was revoked, and it may get another; it has no role,
# and may be given it again.
REVOKED = "revoked"
ROLE = "role"
