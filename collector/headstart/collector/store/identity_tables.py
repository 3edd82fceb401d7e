"""The tables of tokens, and of the certificates that were given for them. See `tables`."""

from sqlalchemy import Column, Float, Index, LargeBinary, Table

from headstart.collector.store.column_types import NUMBER, TEXT, words
from headstart.collector.store.tables import metadata

# What lets somebody in, once or a few times; of its secret only a hash is kept.
tokens = Table(
    "tokens",
    metadata,
    Column("token_id", words(32), primary_key=True),
    # SHA-256 of the secret.
    Column("secret_hash", LargeBinary, nullable=False),
    Column("role", words(16), nullable=False),
    # Whoever uses it is called so; empty: by the name that it gives itself.
    Column("name", words(253), nullable=False),
    Column("uses", NUMBER, nullable=False),
    Column("uses_left", NUMBER, nullable=False),
    # Who made it, as the log calls a caller.
    Column("made_by", TEXT, nullable=False),
    Column("made_seconds", Float, nullable=False),
    Column("expires_seconds", Float, nullable=False),
    Column("revoked_seconds", Float, nullable=False),
)

# Every certificate of the collector's own authority that was given to somebody.
certificates = Table(
    "certificates",
    metadata,
    # Of a certificate, in lower-case hexadecimal without leading zeros.
    Column("serial", words(40), primary_key=True),
    Column("role", words(16), nullable=False),
    Column("name", words(253), nullable=False),
    Column("issued_seconds", Float, nullable=False),
    Column("expires_seconds", Float, nullable=False),
    # The token that it was given for; empty: it renews another.
    Column("token_id", words(32), nullable=False),
    # The serial of that one; empty: none.
    Column("renewed_from", words(40), nullable=False),
    # None: it holds.
    Column("revoked_at", Float, nullable=True),
    # SHA-256 of its public key, by which whoever lost the answer gets it again.
    Column("key_hash", LargeBinary, nullable=False),
    # PEM.
    Column("certificate", LargeBinary, nullable=False),
    Index("certificates_by_name", "role", "name"),
    Index("certificates_by_token", "token_id", "key_hash"),
)
