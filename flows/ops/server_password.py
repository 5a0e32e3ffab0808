"""`doctor --secure`: writes one file that protects a server on this machine; the server, workers and clients read it.

With Prefect's defaults, any page open in a browser on this machine can call the API, because browsers send a simple
POST without asking, and access to the API is enough to run code on the workers' hosts. Such a page does not know the
password.
"""

import os
import secrets
import stat
from pathlib import Path

from tasks.errors import PipelineError
from tasks.storage.files import atomic_path

FILE = Path(".env")
PORT = 4200


def write_password(file: Path = FILE) -> Path:
    """Add Prefect's settings for a server with a password to `file`, which only its owner can read.

    Raises:
        PipelineError: the file already sets a password or an address, or is not a regular file of this user.
    """
    before = _read_own(file)
    for name, what in {"PREFECT_SERVER_API_AUTH_STRING": "a password", "PREFECT_API_URL": "a server's address"}.items():
        if name.encode() in before:
            raise PipelineError(f"{file}: already sets {what} ({name}); remove its PREFECT_ lines for a new one")
    password = f"admin:{secrets.token_urlsafe(24)}"
    address = f"http://127.0.0.1:{PORT}"
    settings = {
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    separator = b"" if before.endswith(b"\n") or not before else b"\n"
    with atomic_path(file, mode=0o600) as temporary:
        temporary.write_bytes(before + separator + lines.encode())
    return file


def _read_own(file: Path) -> bytes:
    """The bytes of the file; none if it is missing.

    Raises:
        PipelineError: it is not a regular file of this user.
    """
    try:
        status = file.lstat()
    except FileNotFoundError:
        return b""
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        found = "another user's file" if stat.S_ISREG(status.st_mode) else "a link, a folder or a device"
        raise PipelineError(f"{file}: found {found}, expected a file of yours or nothing; move it away")
    return file.read_bytes()
