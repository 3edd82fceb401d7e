"""A PostgreSQL server that is reached by TCP: over TLS, with a password."""

import os
import shutil
from pathlib import Path

from support.certificates import Authority
from support.postgres_server import PostgresServer
from support.running import free_port

ROLE, PASSWORD = "keeper", "hunter2"  # of a moment's server


class SecurePostgres(PostgresServer):
    """Its certificate is for localhost, by `authority`. On its socket everybody is trusted."""

    def __init__(self, folder: Path) -> None:
        """`folder` gets what clients need."""
        self.port = free_port()
        self.authority = Authority(folder / "authority")
        self._folder = folder
        super().__init__(
            {
                "listen_addresses": "'127.0.0.1'",
                "port": str(self.port),
                "ssl": "on",
                "ssl_cert_file": "'server.crt'",
                "ssl_key_file": "'server.key'",
            }
        )
        issued = self.authority.issue("localhost")
        for name, file in (("server.crt", issued.certificate), ("server.key", issued.key)):
            place = self.data / name
            shutil.copy(file, place)
            place.chmod(0o600)
            if self.owner:
                os.chown(place, self.owner["user"], self.owner["group"])
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        )

    def start(self) -> None:
        """With a role that has a password."""
        super().start()
        self.sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")

    def database_of(self, owner: str, encoding: str = "UTF8") -> str:
        """The name of an empty database."""
        name = f"kept{next(self._numbers)}"
        self.sql(
            f"CREATE DATABASE {name} OWNER {owner} ENCODING '{encoding}' LOCALE 'C' "
            "TEMPLATE template0 STRATEGY file_copy"
        )
        return name

    def secure_url(self, database: str, user: str = ROLE, host: str = "localhost") -> str:
        """By TLS, the server's certificate checked."""
        return (
            f"postgresql://{user}@{host}:{self.port}/{database}"
            f"?sslmode=verify-full&sslrootcert={self.authority.certificate}"
        )

    def password_file(self, password: str = PASSWORD) -> Path:
        """As PGPASSFILE names it."""
        made = self._folder / f"pgpass-{'right' if password == PASSWORD else 'wrong'}"
        made.touch(0o600)
        made.write_text(f"*:*:*:*:{password}\n")
        return made
