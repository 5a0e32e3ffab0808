"""`doctor --secure`: writes one file that protects a server on this machine; the server, workers and clients read it.

With Prefect's defaults, any page open in a browser on this machine can call the API, because browsers send a simple
POST without asking, and access to the API is enough to run code on the workers' hosts. Such a page does not know the
password.
"""

import os
import secrets
from pathlib import Path

from tasks.errors import PipelineError

FILE = Path(".env")
PORT = 4200


def write_password(file: Path = FILE) -> Path:
    """Write Prefect's settings for a server with a password to `file`.

    Raises:
        PipelineError: the file already sets a password.
    """
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if "PREFECT_SERVER_API_AUTH_STRING" in before:
        raise PipelineError(
            f"{file}: already sets a password (PREFECT_SERVER_API_AUTH_STRING); remove its PREFECT_ lines for a new one"
        )
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
    lines = [line for line in before.splitlines() if line] + [f"{name}={value}" for name, value in settings.items()]
    # Only the owner can read it, from the first byte on.

    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write("\n".join(lines) + "\n")
    file.chmod(0o600)
    return file
