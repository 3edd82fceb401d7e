"""Who calls, which role each call takes, whose certificate is revoked, and who did what."""

__all__ = [
    "audit_trail",
    "audited_calls",
    "call_roles",
    "caller",
    "guard",
    "open_calls",
    "revoked_callers",
    "roles_file",
    "sightings",
]
