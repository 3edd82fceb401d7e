"""Who calls and may: roles, revocation, audit; the own authority, tokens, enrolment, renewal."""

__all__ = [
    "audit_trail",
    "audited_calls",
    "call_roles",
    "caller",
    "guard",
    "late",
    "open_calls",
    "own_identity",
    "revoked_callers",
    "roles_file",
    "service",
    "sightings",
    "standby_guard",
]
