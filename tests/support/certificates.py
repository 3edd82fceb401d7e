"""Throw-away certificates for tests, made by the openssl program."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


def self_signed(folder: Path, name: str = "localhost") -> Certificate:
    """A certificate for `name` and 127.0.0.1 that is its own authority."""
    _require_openssl()
    folder.mkdir(exist_ok=True)
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"),
            *("-keyout", str(made.key), "-out", str(made.certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return made


class Authority:
    """Signs certificates for names; `certificate` is its own."""

    def __init__(self, folder: Path) -> None:
        _require_openssl()
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.certificate = folder / "authority.crt"
        self._key = folder / "authority.key"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=authority"),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-keyout", str(self._key), "-out", str(self.certificate)),
            ],
            check=True,
            capture_output=True,
        )

    def issue(self, name: str, days: int = 2, kind: str = "DNS", value: str = "") -> Certificate:
        """A certificate whose one subject alternative name is `name`; of 0 days it is over.

        `kind` is DNS, email, IP or URI; `value` stands for a name that is no name of a file.
        """
        made = Certificate(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={kind}:{value or name}")
        subprocess.run(
            [
                *("openssl", "req", "-new", "-nodes", "-subj", f"/CN={name}"),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-keyout", str(made.key), "-out", str(request)),
            ],
            check=True,
            capture_output=True,
        )
        subprocess.run(
            [
                *("openssl", "x509", "-req", "-in", str(request), "-days", str(days)),
                *("-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial"),
                *("-extfile", str(extensions), "-out", str(made.certificate)),
            ],
            check=True,
            capture_output=True,
        )
        return made


def roles_file(folder: Path, **roles: list[str]) -> Path:
    """A file of roles: `operator=["alice"]`."""
    path = folder / "roles.toml"
    path.write_text("".join(f"{role} = {json.dumps(names)}\n" for role, names in roles.items()))
    return path


def _require_openssl() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("not installed: openssl")
